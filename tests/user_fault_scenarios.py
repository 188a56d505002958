"""Scenarios of the conversations in ``tests/golden/user_faults``."""

from __future__ import annotations

from tml_bench.scenario import Fact, Manners, Scenario, Stage

SEVEN_THIRTY = "7:30|half past seven|seven thirty"
TUNING = {
    "restaurant": Scenario(
        "Mara, who books a table for friends",
        (
            Stage(
                "T1",
                "Book a table for four people on Friday.",
                ("Hi, I would like a table / for four people / on Friday, please.",),
                ("4|four", "friday"),
                ("I would like to book for Friday, we are four.", "Can I have a table for four on Friday?"),
                ("4|four", "friday"),
            ),
            Stage(
                "T2",
                "You have miscounted: change the booking to five people.",
                ("Sorry, I miscounted, / we will be five.",),
                ("5|five",),
                ("It must be a table for five now.",),
                ("5|five",),
            ),
            Stage(
                "T3",
                "Ask for half past seven in the evening.",
                ("And could we come / at half past seven?",),
                (SEVEN_THIRTY,),
                ("Seven thirty in the evening would be best.",),
                (SEVEN_THIRTY,),
            ),
        ),
        (
            Fact("name", ("name|whose|who",), ("The name is Rossi.", "Rossi."), ("rossi",)),
            Fact("phone", ("phone|number|reach",), ("It is 555 0142.",), ("555 0142|5550142",)),
            Fact(
                "allergy",
                ("allergy|allergies|allergic",),
                ("One of us cannot eat nuts.",),
                ("nuts|nut",),
                "T3",
            ),
        ),
        deferrals=("I will come to that in a moment.", "Let me tell you that later."),
        unknown=("I do not know that, sorry.", "I really could not say."),
    ),
    "train": Scenario(
        "Owen, who visits his sister",
        (
            Stage(
                "T1",
                "Find a train from Leeds to York on Monday.",
                ("Which trains go from Leeds to York / on Monday?",),
                ("york", "monday"),
                ("I need a train to York on Monday, from Leeds.",),
                ("leeds", "york", "monday"),
            ),
            Stage(
                "T2",
                "Ask for the way back on Wednesday evening.",
                ("And back again / on Wednesday evening?",),
                ("wednesday",),
                ("I also need the way back, on Wednesday in the evening.",),
                ("wednesday",),
            ),
            Stage(
                "T3",
                "Reserve a window seat.",
                ("Please reserve a window seat for me.",),
                ("window",),
                ("I would like to sit by the window.",),
                ("window",),
            ),
        ),
        (
            Fact(
                "railcard",
                ("railcard|discount|card",),
                ("I have a senior railcard.",),
                ("senior|seniors",),
                "",
            ),
            Fact("passengers", ("how many|passengers|travelling",), ("We are two.",), ("2|two",), "T3"),
            Fact("class", ("class",), ("Second class is fine.",), ("second|standard",)),
        ),
        manners=Manners(backchannel_s=2.0),
    ),
    "doctor": Scenario(
        "Ines, whose knee hurts",
        (
            Stage(
                "T1",
                "Say that your left knee hurts and that you want to see Doctor Weber.",
                ("Good morning, my left knee hurts, / and I would like to see Doctor Weber.",),
                ("weber",),
                ("I would like an appointment with Doctor Weber, because of my left knee.",),
                ("left", "weber"),
            ),
            Stage(
                "T2",
                "Ask for Tuesday at nine in the morning.",
                ("Would Tuesday / at nine in the morning / be possible?",),
                ("tuesday", "9|nine"),
                ("I could come on Tuesday at nine.",),
                ("tuesday", "9|nine"),
            ),
            Stage(
                "T3",
                "Ask whether you must bring your X-ray pictures from 2019.",
                ("Should I bring the X-ray pictures / from 2019?",),
                (),
                ("There are X-ray pictures of 2019, do you need them?",),
                ("2019", "x-ray|x-rays"),
            ),
        ),
        (
            Fact(
                "birth",
                ("birth|birthday|born",),
                ("I was born on the twelfth of March 1980.",),
                ("12|12th|twelfth", "march"),
            ),
            Fact("insurance", ("insurance|insured",), ("My insurance number is 40717.",), ("40717",)),
            Fact("since", ("how long|since when|when did",), ("For three weeks now.",), ("3|three",)),
        ),
        unknown=("I am afraid I do not know.",),
    ),
    "pizza": Scenario(
        "Tom, who orders dinner",
        (
            Stage(
                "T1",
                "Order two large Margherita pizzas.",
                ("Hello, two large Margherita pizzas, please.",),
                ("margherita",),
                ("I want two Margheritas, large ones.",),
                ("margherita|margheritas",),
            ),
            Stage(
                "T2",
                "Change one of them to mushroom.",
                ("Oh, make one of them / a mushroom pizza.",),
                ("mushroom|mushrooms",),
                ("One with mushrooms instead of a Margherita, please.",),
                ("mushroom|mushrooms",),
            ),
            Stage(
                "T3",
                "Have it delivered to 14 Elm Street.",
                ("Please deliver it to 14 Elm Street.",),
                ("14|fourteen",),
                ("It goes to Elm Street, number fourteen.",),
                ("14|fourteen", "elm"),
            ),
        ),
        (
            Fact("payment", ("pay|payment|cash or card",), ("I will pay in cash.",), ("cash",)),
            Fact("floor", ("floor|bell|door",), ("Third floor, the bell says Baker.",), ("baker",), "T3"),
            Fact("drinks", ("drink|drinks",), ("Two colas, please.",), ("cola|colas",)),
        ),
        manners=Manners(barge_in_s=3.0),
    ),
    "kitchen": Scenario(
        "Leila, who bakes and has her hands full",
        (
            Stage(
                "T1",
                "Set a timer of 25 minutes for the bread.",
                ("Set a timer / for 25 minutes, for the bread.",),
                ("25|twenty five",),
                ("I need a timer of twenty-five minutes.",),
                ("25|twenty five",),
            ),
            Stage(
                "T2",
                "Have yourself reminded to call Daniel at six in the evening.",
                ("Remind me to call Daniel / at six this evening.",),
                ("daniel", "6|six"),
                ("At six I must call Daniel, please remind me.",),
                ("daniel", "6|six"),
            ),
            Stage(
                "T3",
                "Ask how the weather in Oslo will be tomorrow.",
                ("What will the weather be / in Oslo tomorrow?",),
                ("oslo",),
                ("And tomorrow's weather in Oslo?",),
                ("oslo",),
            ),
        ),
        (Fact("topic", ("what about|about what|regarding",), ("It is about the car.",), ("car",), "T2"),),
    ),
}
HELD_OUT = {
    "hotel": Scenario(
        "Ben, who plans a holiday",
        (
            Stage(
                "T1",
                "Book a double room in Lisbon for three nights from the twelfth of June.",
                ("I need a double room in Lisbon / for three nights / from the twelfth of June.",),
                ("lisbon", "3|three"),
                ("In Lisbon, three nights from June the twelfth, a double room.",),
                ("lisbon", "june", "12|12th|twelfth"),
            ),
            Stage(
                "T2",
                "Correct yourself: it must be four nights.",
                ("Sorry, I meant four nights.",),
                ("4|four",),
                ("Four nights, not three.",),
                ("4|four",),
            ),
            Stage(
                "T3",
                "Ask to be picked up at the airport at a quarter past ten in the evening.",
                ("Can somebody pick us up at the airport / at a quarter past ten in the evening?",),
                ("airport|pick|picked|pickup",),
                ("We land at ten fifteen at night and need a lift.",),
                ("10:15|ten fifteen|quarter past ten", "airport"),
            ),
        ),
        (
            Fact("name", ("name",), ("Okafor.", "My name is Okafor."), ("okafor",)),
            Fact("flight", ("flight",), ("It is TP 643.",), ("643",), "T3"),
            Fact("breakfast", ("breakfast",), ("Yes, with breakfast, please.",), ("yes|with",)),
        ),
        deferrals=("I will tell you in a minute.",),
    ),
    "boxes": Scenario(
        "Nora, who keeps track of presents",
        (
            Stage(
                "T1",
                "Say that the red box is for Anna and the blue box for Paul.",
                ("The red box is for Anna, / the blue one is for Paul.",),
                ("anna", "paul"),
                ("Red goes to Anna, blue goes to Paul.",),
                ("red", "anna", "blue", "paul"),
            ),
            Stage(
                "T2",
                "Say that a green box has come, for Grace.",
                ("There is also a green box now, / for Grace.",),
                ("grace",),
                ("I have a third one, green, and Grace gets it.",),
                ("green", "grace"),
            ),
            Stage(
                "T3",
                "Ask which box Paul gets if Anna and Paul swap.",
                ("If Anna and Paul swap, / which box does Paul get?",),
                ("red",),
                ("Suppose they swap: what has Paul then?",),
                ("swap|swapped|swaps",),
            ),
        ),
        (Fact("ribbon", ("ribbon|ribbons",), ("There is a silver ribbon on it.",), ("silver",)),),
    ),
    "medicine": Scenario(
        "Sam, the father of a child with a fever",
        (
            Stage(
                "T1",
                "Ask how much ibuprofen a child may take.",
                ("How much ibuprofen / can I give to a child?",),
                ("ibuprofen",),
                ("It is about ibuprofen for a child.",),
                ("ibuprofen",),
            ),
            Stage(
                "T2",
                "Say that she has asthma.",
                ("I should say that she has asthma.",),
                ("asthma",),
                ("She is asthmatic, does that matter?",),
                ("asthma|asthmatic",),
            ),
            Stage(
                "T3",
                "Ask whom to call at night.",
                ("Whom can I call / in the middle of the night?",),
                (),
                ("Is there somebody I can ring at night?",),
                ("night",),
            ),
        ),
        (
            Fact("age", ("how old|age",), ("She is six.",), ("6|six",)),
            Fact("weight", ("weigh|weight|heavy",), ("About twenty kilos.",), ("20|twenty",)),
            Fact("temperature", ("temperature|fever",), ("It is 39.2.",), ("39.2|39 point 2",), "T2"),
        ),
        unknown=("I have no idea, I am sorry.",),
        manners=Manners(barge_in_on=("aspirin",)),
    ),
    "bank": Scenario(
        "Yusuf, who pays his share of the rent",
        (
            Stage(
                "T1",
                "Transfer 250 euros to Clara.",
                ("I want to transfer 250 euros / to Clara.",),
                ("250|two hundred and fifty", "clara"),
                ("Please send Clara two hundred and fifty euros.",),
                ("250|two hundred and fifty", "clara"),
            ),
            Stage(
                "T2",
                "Correct the sum to 205 euros.",
                ("No wait, / it is 205 euros.",),
                ("205|two hundred and five|two hundred five",),
                ("The sum is two hundred and five euros, I said it wrong.",),
                ("205|two hundred and five|two hundred five",),
            ),
            Stage(
                "T3",
                "Have it sent on the first of May.",
                ("And send it on the first of May.",),
                ("may",),
                ("It must go out on May the first.",),
                ("may", "1|1st|first"),
            ),
        ),
        (
            Fact("account", ("which account|account",), ("From the one that ends in 7781.",), ("7781",)),
            Fact("reference", ("reference|purpose|note",), ("Write rent for April.",), ("rent",), "T2"),
        ),
        deferrals=("Not yet, please.",),
    ),
    "gym": Scenario(
        "Kim, a student",
        (
            Stage(
                "T1",
                "Sign up for yoga on Saturday morning.",
                ("I would like to sign up for yoga / on Saturday morning.",),
                ("yoga", "saturday"),
                ("The yoga class on Saturday, in the morning, is there room?",),
                ("yoga", "saturday"),
            ),
            Stage(
                "T2",
                "Change your mind: pilates on Sunday.",
                ("I have changed my mind, / I would rather do pilates on Sunday.",),
                ("pilates", "sunday"),
                ("Pilates on Sunday instead, please.",),
                ("pilates", "sunday"),
            ),
            Stage(
                "T3",
                "Ask what it costs for students.",
                ("What does it cost for students?",),
                (),
                ("How much is it with a student card?",),
                ("student|students",),
            ),
        ),
        (
            Fact(
                "member",
                ("membership|member",),
                ("My membership number is 3306.",),
                ("3306|thirty three oh six|3 3 0 6",),
            ),
            Fact("age", ("how old|age",), ("I am twenty-seven.",), ("27|twenty seven",)),
        ),
    ),
}
GOALS_ONLY = {
    "flight": Scenario(
        "a traveller on a business trip",
        (
            Stage("T1", "Ask for a flight from Denver to Boston on Thursday morning."),
            Stage("T2", "Correct the day: it has to be Friday morning, not Thursday."),
            Stage("T3", "Ask to add one suitcase of 23 kilos."),
            Stage("T4", "Ask for a summary of the booking."),
        ),
    ),
    "garden": Scenario(
        "a hobby gardener",
        (
            Stage("T1", "Say that the three tomato plants on the balcony have yellow leaves."),
            Stage("T2", "Say that you water them at 6 in the morning and that Mr Hill told you to."),
            Stage("T3", "Ask which fertiliser costs less than 15 euros."),
        ),
    ),
    "meeting": Scenario(
        "an office worker",
        (
            Stage("T1", "Schedule a meeting with Priya at 10:30 on Monday."),
            Stage("T2", "Move it to 2 pm, because Priya has changed her plans."),
            Stage("T3", "Invite Marcus too, and book room 405."),
        ),
    ),
}
"""Scenarios as of official data: goals, and nothing that could be looked up."""
SCENARIOS = TUNING | HELD_OUT | GOALS_ONLY
