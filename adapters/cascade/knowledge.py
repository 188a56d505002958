"""The little that the agent knows: common foreign words and capitals."""

from __future__ import annotations

# fmt: off
ENGLISH = {
    # Spanish
    "casa": "house", "perro": "dog", "gato": "cat", "agua": "water", "libro": "book", "mesa": "table",
    "leche": "milk", "pan": "bread", "queso": "cheese", "playa": "beach", "amigo": "friend",
    "gracias": "thank you", "hola": "hello", "noche": "night", "ciudad": "city", "calle": "street",
    "tienda": "shop", "mercado": "market", "manzana": "apple", "escuela": "school", "coche": "car",
    "ventana": "window", "cocina": "kitchen",
    # French
    "maison": "house", "chien": "dog", "chat": "cat", "pain": "bread", "fromage": "cheese", "livre": "book",
    "bonjour": "hello", "merci": "thank you", "voiture": "car", "gare": "station", "plage": "beach",
    "pomme": "apple", "chapeau": "hat", "fenêtre": "window", "lait": "milk", "école": "school",
    # German
    "haus": "house", "hund": "dog", "katze": "cat", "wasser": "water", "brot": "bread", "buch": "book",
    "danke": "thank you", "freund": "friend", "strasse": "street", "straße": "street", "bahnhof": "station",
    "apfel": "apple", "schule": "school", "käse": "cheese", "fenster": "window", "stadt": "city",
    # Italian
    "cane": "dog", "gatto": "cat", "acqua": "water", "pane": "bread", "formaggio": "cheese",
    "grazie": "thank you", "ciao": "hello", "amico": "friend", "spiaggia": "beach", "macchina": "car",
    "mela": "apple", "scuola": "school", "finestra": "window", "latte": "milk", "strada": "street",
}
CAPITALS = {
    "argentina": "Buenos Aires", "australia": "Canberra", "austria": "Vienna", "belgium": "Brussels",
    "brazil": "Brasília", "canada": "Ottawa", "chile": "Santiago", "china": "Beijing", "cuba": "Havana",
    "denmark": "Copenhagen", "egypt": "Cairo", "england": "London", "finland": "Helsinki", "france": "Paris",
    "germany": "Berlin", "greece": "Athens", "hungary": "Budapest", "india": "New Delhi", "ireland": "Dublin",
    "italy": "Rome", "japan": "Tokyo", "kenya": "Nairobi", "mexico": "Mexico City", "norway": "Oslo",
    "peru": "Lima", "poland": "Warsaw", "portugal": "Lisbon", "russia": "Moscow", "scotland": "Edinburgh",
    "spain": "Madrid", "sweden": "Stockholm", "switzerland": "Bern", "thailand": "Bangkok",
    "turkey": "Ankara", "ukraine": "Kyiv", "vietnam": "Hanoi",
}
# fmt: on
