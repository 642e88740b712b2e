"""Words and how they feel, from -4 to 4; what makes them stronger or weaker; what turns them round. Our own list."""

_FEELINGS = {
    3.2: "superb magnificent outstanding wonderful brilliant",
    2.9: "excellent delightful amazing fantastic perfect adore adored masterpiece love loved loves",
    2.4: "great beautiful lovely charming happy joy joyful delighted thrilled gorgeous",
    2.0: "good glad fun funny enjoy enjoyed enjoyable warm clever impressive touching hilarious kind win winner",
    1.6: "nice pleasant likeable fine friendly fresh helpful interesting smart bright comfortable pleased recommend",
    1.2: "decent okay useful calm easy clean safe hope hopeful like liked likes thanks thank",
    -1.2: "slow long odd tired uneven noisy stale late cheap lack lacks lacking",
    -1.6: "bad cold dull flat weak uncomfortable boring bored unpleasant annoying clumsy dirty rude sad sorry",
    -2.0: "poor mediocre tedious lame angry broken unhappy "
    "fail failed fails failure disappointing disappointed waste ugly",
    -2.5: "terrible dreadful nasty stupid hate hated hates useless painful horrible pathetic disaster",
    -3.0: "awful disgusting worst atrocious appalling horrendous vile miserable",
}
_SIGNS = {":)": 1.9, ":-)": 1.9, ":d": 2.3, ";)": 1.2, ":(": -1.9, ":-(": -1.9, ":/": -1.1, "<3": 2.2}
VALENCES: dict[str, float] = {word: v for v, words in _FEELINGS.items() for word in words.split()} | _SIGNS
_UP = "very really extremely absolutely completely incredibly truly remarkably so totally deeply utterly"
_DOWN = "slightly somewhat barely hardly partly scarcely almost little fairly"
BOOSTERS: dict[str, float] = dict.fromkeys(_UP.split(), 0.293) | dict.fromkeys(_DOWN.split(), -0.293)
_DENYING = (
    "not no never none nobody nothing neither nor without cannot cant wont isnt dont doesnt didnt wasnt arent couldnt "
    "wouldnt shouldnt hasnt havent hadnt aint rarely seldom nowhere"
)
NEGATIONS = frozenset(_DENYING.split())
