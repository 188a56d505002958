"""The word lists of the offline judge, as text; words are in the form of `wording.words`."""

# ruff: noqa: SIM905 -- word lists read better as text

FUNCTION = frozenset(
    """
    who
    a an the this that these those there here it its itself he him his she her they them their we us our
    you your yours i me my mine is are was were be been being am do does did done has have had having will
    would can could should shall may might must of at to from by with into onto for as and or but so then
    than if some any very just also now yes no oh okay ok well please hey sorry actually right alright in
    on s let get got go not never nothing none neither nor without too
    """.split()
)
"""Words that carry no meaning of their own."""
NO = frozenset("not never nothing none neither nor without hardly".split())
FOREIGN_NO = frozenset(
    """
    ne pas jamais aucun aucune nicht kein keine keinen keiner nie niemals nunca jamas tampoco non mai nao
    niet geen nooit
    """.split()
)
"""Words that say no in French, German, Spanish, Italian, Portuguese and Dutch, but for ``no``."""
FOREIGN_FUNCTION = frozenset(
    """
    el la los las un una unos unas de del al a y o e en por para con su sus lo le les se que es esta son
    le la les un une des du de et ou en au aux a ce cette ces que qui est sont se sa son ses il elle ils
    elles je der die das den dem des ein eine einen einem einer und oder ist sind zu zum zur auf im in
    favor favore grazie gracias merci danke obrigado obrigada prego plait svp sich sie er es ihr il
    lo gli un uno di da e ed per con che si sono mi ti ci vi muy tres sehr molto eh
    pues bien donc alors also mal bitte
    """.split()
)
"""Little words of the languages that replies are in: one may be missing or another may be there."""
FRAME = frozenset(
    """
    alert alarm warning detected spotted past tense participle plural singular idiom remaining left gone
    passed elapsed please
    say said saying says mean means meant think thought believe guess suppose word words right correct
    correctly proper properly actual real really true truly answer english french spanish german italian
    call called name named want wanted look looking know remember reminder tell told ask asked need needed
    needs time moment second seconds sec minute minutes up over next come comes make makes made give gives
    gave take number count counting counted total result equal equals thing way instead definitely surely
    sure maybe probably perhaps possibly again good already still exactly simply only even first last
    translate translates translation spell spelled spelling pronounce pronounced term form phrase
    expression saying however note quick quickly let keep one ones everyone everybody folks all try should
    ahead far pretty quite fairly today finally once more course opposite place supposed wanted there what
    which who where whose like kind sort type start starts begin lovely little bit such obviously
    clearly indeed naturally totally surely
    """.split()
)
"""Words that say how something is said, not what."""
META = frozenset(
    """
    say tell ask whether remind give correct prompt name word number count user english french spanish
    german italian talk describe about how long much many what who s ago second after first request
    correction instruction turn
    """.split()
)
"""Stems of words of a meaning that are about saying, not said."""
PRAISE = frozenset(
    """
    nice good great lovely wonderful beautiful fantastic amazing awesome excellent brilliant perfect cool
    sweet funny cute delicious tasty fun interesting fascinating congratulations bravo wow haha ha enjoy
    thanks thank careful spooky yummy yay woohoo hurray easy cheers
    """.split()
)
EVALUATIVE = frozenset(
    """
    nice great lovely wonderful beautiful fantastic amazing awesome excellent brilliant cool funny cute
    delicious tasty interesting fascinating pretty poor boring annoying scary ugly favourite favorite hate
    love loved enjoy enjoyed adore awful terrible horrible
    """.split()
)
"""Words of a comment on a thing, which does not say it."""
NAMES = frozenset(
    """
    alex sam tom tim mike john jack james mary anna emma lucy frank oliver ben max leo kate jane paul
    peter david chris dan sarah lisa maria nina ella grandad grandma granny gran mum mom dad mate love
    dear darling friend friends buddy sir madam ma'am maam captain chef boss champ sweetheart honey folks
    everyone everybody guys team people kids children ladies gentlemen all
    """.split()
)
"""Who may be addressed."""
ASKING = frozenset(
    """
    anybody someone somebody
    what who whose where when why how which do does did is are can may could would will shall have has
    need any anyone anything still
    """.split()
)
COPULA = frozenset("is was means are mean be were makes equals".split())
TIME_UNITS = frozenset(
    "second seconds minute minutes hour hours day days week weeks month months year years".split()
)
_OPPOSITES = """
    on off | in/inside out/outside | up down | left right | open close/shut | start/begin/starting/resume
    stop/finish/end/stopping/quit | more less/fewer | first last | before/earlier after/later |
    faster/quicker/fast/quickly slower/slow/slowly | louder/loud/loudly quieter/quiet/quietly/softer |
    higher/raise/high/lift lower/low/reduce | you/your/yours i/my/mine/me | hot/warm/heat cold/cool/chill
    | big/bigger/large/larger/biggest small/smaller/little/tiny/smallest | tall/taller/long/longer
    short/shorter | push pull | win lose | add remove | fill/top empty/drain | light extinguish | sit
    stand | wake sleep | keep/continue/carry stop/quit | come leave | buy/bought sell/sold | morning
    evening/night | day night | hello goodbye | odd even | white black | yes no | catch throw |
    hold/squeeze release | inhale exhale | full empty | heavier lighter | older younger | forward
    back/backward | remember forget | speak/talk listen | relax tense | minimum maximum | top bottom |
    ready/working/done/finished broken | north south | east west | summer winter | always never | early
    late | wet dry | near far | clear unclear | heard/hear see | tighten loosen | lock unlock | plus minus
    | gone/passed/elapsed/past left/remaining/remain
"""
OPPOSITES = tuple(
    tuple(frozenset(side.split("/")) for side in pair.split()) for pair in _OPPOSITES.split("|")
)
"""Pairs of words of opposite meaning, those that mean the same between slashes."""
_SYNONYMS = """
    big large | bigger larger greater | small little tiny | smaller littler | fast quick rapid | faster
    quicker | start begin | stop finish end quit cease | switch swap change | flip turn | check look
    | put place set
    | sofa couch | picture photo photograph | hear listen | ready done finished | sip drink | water |
    stove hob | lid cover | dinner supper | remember remind | quiet silent | shut close | bins trash
    rubbish garbage bin | phone telephone | mum mom | dad father | autumn fall | biscuit cookie | minute |
    dough | picture painting | lower reduce | raise lift | car automobile | over finished up
"""
SYNONYMS = {w: group.split()[0] for group in _SYNONYMS.split("|") for w in group.split()}
"""The word that stands for another where a meaning, not a word, is asked for."""
_HOMOPHONES = """
    c see sea | b be bee | r are | u you | y why | t tea tee | o oh owe | p pea pee | q queue cue | g gee
    | j jay | k kay | one won | hair hare | flower flour | night knight | right write rite wright | whole
    hole | sun son | mail male | pear pair | peace piece | plain plane | rain reign rein | red read | road
    rode | sale sail | steak stake | tail tale | week weak | wait weight | weather whether | blue blew |
    bread bred | break brake | by buy bye | cell sell | cent scent | die dye | fir fur | hear here | hi
    high | hour our | nose knows | muscle mussel | new knew | no know number | pause paws | pour poor pore
    | root route | so sew sow | sole soul | stair stare | there their | time thyme | waist waste | wrap
    rap | ring wring | bear bare | fair fare | flea flee | great grate | heel heal | horse hoarse | moose
    mousse | oar or | pail pale | roll role | toe tow | vein vain vane veins vanes | check cheque czech |
    cord chord | meat meet | made maid | deer dear | beach beech | boo bu | tick tic | tock tok | sweet
    suite | bell belle | cellar seller | hat hatt | met mett | ewe yew | boos booze | ahoy ahoi | cat kat
    | dog doug | honk hunk | hiss his | hoo who whoo | hey hay | aye eye i | oops ups whoops | two to too
    dos deux zwei due dois | three tres trois drei tre | four for fore cuatro quatre vier quattro quatro |
    five cinco cinq funf cinque | six sics seis sechs sei | seven siete sept sieben sette sete | eight ate
    ocho huit acht otto oito | nine nueve neuf neun nove | ten tenn diez dix zehn dieci dez | twelve doce
    douze zwolf dodici doze
"""
HOMOPHONES = {w: group.split()[0] for group in _HOMOPHONES.split("|") for w in group.split()}
"""What a recogniser may write for a word said alone; of a number in any language, a figure."""
_SPELLINGS = """
    gray grey | color colour | colors colours | center centre | theater theatre | favorite favourite |
    meter metre | liter litre | mom mum | traveling travelling | traveler traveller | tyre tire | pajamas
    pyjamas | donut doughnut | catalog catalogue | program programme | ok okay | alright allright |
    yoghurt yogurt | whisky whiskey | jewelry jewellery | practice practise | aluminium aluminum | plow
    plough | ax axe | neighbor neighbour | honor honour | humor humour | flavor flavour | harbor harbour |
    labor labour | anyone anybody | everyone everybody | someone somebody | hurray hooray hurrah |
    tick tik | snowdon snowden | mischievious mischievous_
"""
SPELLINGS = {w: group.split()[0] for group in _SPELLINGS.split("|") for w in group.split()}
