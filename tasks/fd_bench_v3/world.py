"""The twelve functions that a model may call: their declarations, and what they give.

Names, arguments and results are those of the benchmark's own mock functions; descriptions are ours. Nothing
is kept between calls: a result depends on the arguments alone, and much of it on nothing, as there. Every
result has ``status``, and besides::

    search_flights         flights [{flight_id "FL123", destination, date, price 450}]
    book_flight            booking_ref "B789", passenger
    update_identity_doc    updated_doc, masked_number (the last four characters)
    get_card_benefits      benefits, two of them
    get_exchange_rate      rate 1.1 from EUR, else 0.9; converted_amount
    modify_autopay         autopay_enabled, bill, source
    search_apartments      results [{id "APT1", price 100 below the highest allowed, beds}]
    calculate_commute      duration_mins 25, mode
    update_search_filter   filter_name, value
    track_order            shipping_status
    search_products        products [{product_id "PROD1", name, price 10 below the highest, or 99.99}]
    add_to_cart            cart_total, 99.99 each
"""

from collections.abc import Mapping

from tml_bench.samples import Tool, ToolFunction
from tml_bench.tool_latency import FAST, NORMAL, ToolLatency

Arguments = Mapping[str, object]
ITEM_PRICE = 99.99


def _number(arguments: Arguments, name: str) -> float:
    value = arguments[name]
    assert isinstance(value, (int, float)), f"{name} is checked before"
    return value


def _search_flights(arguments: Arguments) -> object:
    there = {name: arguments[name] for name in ("destination", "date")}
    return _done(flights=[{"flight_id": "FL123", **there, "price": 450}])


def _book_flight(arguments: Arguments) -> object:
    return _done(booking_ref="B789", passenger=arguments["passenger_name"])


def _update_identity_doc(arguments: Arguments) -> object:
    last = str(arguments["doc_number"])[-4:]
    return _done(updated_doc=arguments["doc_type"], masked_number=f"****{last}")


def _get_card_benefits(arguments: Arguments) -> object:
    return _done(benefits=["travel insurance", "airport lounge access"])


def _get_exchange_rate(arguments: Arguments) -> object:
    rate = 1.1 if str(arguments["from_currency"]).strip().upper() == "EUR" else 0.9
    return _done(rate=rate, converted_amount=round(_number(arguments, "amount") * rate, 2))


def _modify_autopay(arguments: Arguments) -> object:
    return _done(autopay_enabled=True, bill=arguments["bill_type"], source=arguments["source_account"])


def _search_apartments(arguments: Arguments) -> object:
    price = _number(arguments, "max_price") - 100
    return _done(results=[{"id": "APT1", "price": price, "beds": arguments["bedrooms"]}])


def _calculate_commute(arguments: Arguments) -> object:
    return _done(duration_mins=25, mode=arguments["mode"])


def _update_search_filter(arguments: Arguments) -> object:
    return _done(filter_name=arguments["filter_name"], value=arguments["value"])


def _track_order(arguments: Arguments) -> object:
    return _done(shipping_status="in transit")


def _search_products(arguments: Arguments) -> object:
    price = _number(arguments, "max_price") - 10 if "max_price" in arguments else ITEM_PRICE
    return _done(products=[{"product_id": "PROD1", "name": arguments["query"], "price": price}])


def _add_to_cart(arguments: Arguments) -> object:
    return _done(cart_total=round(ITEM_PRICE * _number(arguments, "quantity"), 2))


def _done(**result: object) -> object:
    return {"status": "success", **result}


def _text(description: str, **more: object) -> dict[str, object]:
    return {"type": "string", "description": description, **more}


def _amount(description: str, kind: str = "number", **more: object) -> dict[str, object]:
    return {"type": kind, "description": description, **more}


def _tool(
    function: ToolFunction,
    description: str,
    latency: ToolLatency | None = None,
    optional: Mapping[str, object] | None = None,
    **required: object,
) -> Tool:
    """A tool named as its function, whose arguments are declared by keyword."""
    parameters = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": [*required],
    }
    name = function.__name__.removeprefix("_")
    return Tool(name, description, parameters, function, reference_latency=latency)


TOOLS = (
    _tool(
        _search_flights,
        "Find flights to a place on a day.",
        NORMAL,
        destination=_text("The city to fly to."),
        date=_text("The day of departure as the user says it, month and day, such as May 3."),
    ),
    _tool(
        _book_flight,
        "Book the flight that was found last.",
        passenger_name=_text("The passenger's full name."),
    ),
    _tool(
        _update_identity_doc,
        "Save a new number of an identity document.",
        doc_type=_text("The document: passport, driver_license or national_id."),
        doc_number=_text("Its number, without spaces."),
    ),
    _tool(
        _get_card_benefits,
        "List what a payment card offers its holder.",
        card_type=_text("The kind of card, such as gold."),
    ),
    _tool(
        _get_exchange_rate,
        "Convert an amount of money from one currency into another.",
        amount=_amount("How much to convert."),
        from_currency=_text("Its currency as a code of three letters, such as EUR."),
        to_currency=_text("The currency wanted, likewise."),
    ),
    _tool(
        _modify_autopay,
        "Have a bill paid automatically from an account.",
        bill_type=_text("The bill, such as electricity."),
        source_account=_text("The account, such as checking."),
    ),
    _tool(
        _search_apartments,
        "Find apartments for rent.",
        NORMAL,
        city=_text("The city."),
        bedrooms=_amount("How many bedrooms.", "integer"),
        max_price=_amount("The highest monthly rent in dollars."),
    ),
    _tool(
        _calculate_commute,
        "Work out how long it takes to get from one place to another.",
        NORMAL,
        {"mode": _text("driving, transit, walking or cycling.", default="driving")},
        origin_address=_text("Where to start: an address, a place, or the id of an apartment found."),
        destination_address=_text("Where to go: an address or a place."),
    ),
    _tool(
        _update_search_filter,
        "Change a filter of the apartment search.",
        FAST,
        filter_name=_text("The filter, such as parking."),
        value=_text("What to set it to."),
    ),
    _tool(
        _track_order,
        "Tell where an order is.",
        order_id=_text("The order's number, without spaces."),
    ),
    _tool(
        _search_products,
        "Find products in the shop.",
        None,
        {"max_price": _amount("The highest price in dollars; left out where there is none.")},
        query=_text("What to look for."),
    ),
    _tool(
        _add_to_cart,
        "Put a product into the shopping cart.",
        None,
        {"quantity": _amount("How many of it.", "integer", default=1)},
        product_id=_text("The id of a product that was found."),
    ),
)
"""All twelve, with the delay that the benchmark's own harness gives four of them whatever its profile."""

INSTRUCTIONS = """\
You are a voice assistant with functions for travel, banking, housing and shopping. Speak English, briefly and
naturally. Call a function as soon as you know what it needs, and never ask the user for details, for
confirmation or for more time: there will be no second chance to ask. Call functions one by one. Where
one needs what another gives, wait for that result. Users hesitate and change their minds: what they said
last counts. When all is done, tell the user the outcome with the facts that the functions gave you."""
"""What the model is told."""


def new_world() -> Mapping[str, ToolFunction]:
    """The functions of one session by name; they share nothing, as in the benchmark's own harness."""
    return {tool.name: tool.answer for tool in TOOLS if tool.answer is not None}
