"""What the agent knows by heart: what belongs to what, and everyday words of four languages."""

# fmt: off
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
_CITIES = {
    "england": "london manchester liverpool birmingham", "scotland": "glasgow edinburgh",
    "spain": "barcelona seville valencia madrid", "italy": "milan venice naples florence rome turin",
    "france": "lyon marseille bordeaux paris", "germany": "munich hamburg cologne frankfurt berlin",
    "portugal": "porto lisbon", "canada": "toronto montreal vancouver ottawa", "russia": "moscow",
    "australia": "sydney melbourne brisbane perth", "japan": "tokyo kyoto osaka",
    "austria": "vienna salzburg",
    "switzerland": "zurich geneva bern basel", "india": "mumbai delhi", "china": "shanghai beijing",
    "turkey": "istanbul ankara", "egypt": "cairo alexandria", "ireland": "dublin galway",
    "greece": "athens", "netherlands": "amsterdam rotterdam", "belgium": "brussels antwerp bruges",
    "denmark": "copenhagen", "sweden": "stockholm gothenburg", "norway": "oslo bergen", "finland": "helsinki",
    "poland": "warsaw krakow", "hungary": "budapest", "morocco": "marrakech casablanca", "kenya": "nairobi",
    "peru": "lima", "cuba": "havana", "thailand": "bangkok", "vietnam": "hanoi", "south korea": "seoul",
    "ukraine": "kyiv", "czech republic": "prague", "iceland": "reykjavik",
}
_COUNTRIES = {city: country.title() for country, cities in _CITIES.items() for city in cities.split()}
_YOUNG = {
    "lamb": "sheep", "calf": "cow", "kitten": "cat", "puppy": "dog", "foal": "horse", "piglet": "pig",
    "chick": "chicken", "duckling": "duck", "cub": "bear", "fawn": "deer", "joey": "kangaroo",
    "tadpole": "frog", "caterpillar": "butterfly", "gosling": "goose", "cygnet": "swan", "owlet": "owl",
}
_COLOURS = {
    "apple": "red", "strawberry": "red", "cherry": "red", "raspberry": "red", "tomato": "red",
    "banana": "yellow", "lemon": "yellow", "pineapple": "yellow", "orange": "orange", "apricot": "orange",
    "mango": "orange", "plum": "purple", "grape": "purple", "blackberry": "black", "blueberry": "blue",
    "lime": "green", "pear": "green", "kiwi": "green", "peach": "pink",
}
_SOUNDS = {
    "dog": "woof", "cat": "meow", "cow": "moo", "sheep": "baa", "duck": "quack", "pig": "oink",
    "horse": "neigh",
    "rooster": "cock-a-doodle-doo", "owl": "hoot", "lion": "roar", "frog": "ribbit", "bee": "buzz",
}
BELONGS = {
    "capital": CAPITALS,
    "country": _COUNTRIES,
    "grown animal": _YOUNG,
    "young animal": {old: young for young, old in _YOUNG.items()},
    "colour": _COLOURS,
    "sound": _SOUNDS,
}
"""By kind: a thing, in lower case, and what belongs to it."""

ENGLISH = {
    "spanish": {
        "casa": "house", "perro": "dog", "gato": "cat", "agua": "water", "libro": "book", "mesa": "table",
        "silla": "chair", "leche": "milk", "pan": "bread", "queso": "cheese", "playa": "beach",
        "amigo": "friend", "amiga": "friend", "gracias": "thank you", "hola": "hello", "noche": "night",
        "ciudad": "city", "calle": "street", "tienda": "shop", "mercado": "market", "manzana": "apple",
        "naranja": "orange", "escuela": "school", "coche": "car", "ventana": "window", "puerta": "door",
        "cocina": "kitchen", "cuchara": "spoon", "cuchillo": "knife", "zapato": "shoe", "zapatos": "shoes",
        "camisa": "shirt", "sombrero": "hat", "abuela": "grandmother", "abuelo": "grandfather",
        "hermano": "brother", "hermana": "sister", "hijo": "son", "hija": "daughter", "madre": "mother",
        "padre": "father", "helado": "ice cream", "huevo": "egg", "pescado": "fish", "pollo": "chicken",
        "cerveza": "beer", "vino": "wine", "fiesta": "party", "lluvia": "rain", "sol": "sun", "luna": "moon",
        "llave": "key", "llaves": "keys", "reloj": "watch", "trabajo": "work", "dinero": "money",
        "caballo": "horse", "flor": "flower", "mañana": "tomorrow", "biblioteca": "library",
        "iglesia": "church", "cama": "bed", "vecino": "neighbour", "vecina": "neighbour",
    },
    "french": {
        "maison": "house", "chien": "dog", "chat": "cat", "pain": "bread", "fromage": "cheese",
        "livre": "book",
        "bonjour": "hello", "merci": "thank you", "voiture": "car", "gare": "station", "plage": "beach",
        "pomme": "apple", "chapeau": "hat", "fenêtre": "window", "lait": "milk", "école": "school",
        "eau": "water", "vin": "wine", "porte": "door", "chaise": "chair", "couteau": "knife",
        "cuillère": "spoon", "chaussure": "shoe", "chaussures": "shoes", "chemise": "shirt", "soleil": "sun",
        "pluie": "rain", "fleur": "flower", "clé": "key", "argent": "money", "travail": "work", "œuf": "egg",
        "poisson": "fish", "poulet": "chicken", "boulangerie": "bakery", "marché": "market", "ville": "city",
        "église": "church", "ami": "friend", "frère": "brother", "sœur": "sister", "cheval": "horse",
        "oiseau": "bird", "lune": "moon", "parapluie": "umbrella", "bibliothèque": "library",
    },
    "german": {
        "haus": "house", "hund": "dog", "katze": "cat", "wasser": "water", "brot": "bread", "buch": "book",
        "danke": "thank you", "freund": "friend", "freundin": "girlfriend", "strasse": "street",
        "straße": "street", "bahnhof": "station", "apfel": "apple", "schule": "school", "käse": "cheese",
        "fenster": "window", "stadt": "city", "krankenhaus": "hospital", "zeitung": "newspaper",
        "milch": "milk", "tisch": "table", "stuhl": "chair", "messer": "knife", "löffel": "spoon",
        "gabel": "fork", "schuh": "shoe", "schuhe": "shoes", "hut": "hat", "schlüssel": "key",
        "geld": "money",
        "arbeit": "work", "bruder": "brother", "schwester": "sister", "mutter": "mother", "vater": "father",
        "kirche": "church", "fahrrad": "bicycle", "blume": "flower", "vogel": "bird", "pferd": "horse",
        "regenschirm": "umbrella", "küche": "kitchen", "garten": "garden", "kartoffel": "potato",
    },
    "italian": {
        "cane": "dog", "gatto": "cat", "acqua": "water", "pane": "bread", "formaggio": "cheese",
        "grazie": "thank you", "ciao": "hello", "amico": "friend", "spiaggia": "beach", "macchina": "car",
        "mela": "apple", "scuola": "school", "finestra": "window", "latte": "milk", "strada": "street",
        "casa": "house", "porta": "door", "sedia": "chair", "coltello": "knife", "cucchiaio": "spoon",
        "forchetta": "fork", "scarpe": "shoes", "scarpa": "shoe", "cappello": "hat", "chiave": "key",
        "chiavi": "keys", "soldi": "money", "lavoro": "work", "fratello": "brother", "sorella": "sister",
        "nonna": "grandmother", "nonno": "grandfather", "chiesa": "church", "fiore": "flower",
        "uccello": "bird", "cavallo": "horse", "ombrello": "umbrella", "cucina": "kitchen", "vino": "wine",
        "gelato": "ice cream", "uovo": "egg", "pesce": "fish", "pollo": "chicken", "mercato": "market",
        "città": "city", "pioggia": "rain", "sole": "sun", "luna": "moon", "libro": "book",
        "bicicletta": "bicycle", "biblioteca": "library",
    },
}
"""By language: everyday words, in lower case, and what they mean."""
# fmt: on
