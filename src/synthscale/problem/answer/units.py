"""The units that are known, with their synonyms, and what the words beside a number mean."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

SYNONYMS = """
millimeter: mm millimeters millimetre millimetres
centimeter: cm centimeters centimetre centimetres cms
decimeter: dm decimeters
meter: m meters metre metres
kilometer: km kilometers kilometre kilometres kms
inch: in inches
foot: ft feet
yard: yd yds yards
mile: mi miles
milligram: mg milligrams
gram: g grams gm
kilogram: kg kgs kilograms kilo kilos
pound: lb lbs pounds
ounce: oz ounces
ton: tons tonne tonnes
milliliter: ml mL milliliters millilitres
liter: L l liters litre litres
gallon: gal gallons
quart: qt quarts
pint: pt pints
cup: cups
tablespoon: tbsp tablespoons
teaspoon: tsp teaspoons
second: s sec secs seconds
minute: min mins minutes
hour: h hr hrs hours
day: days
week: weeks wk wks
month: months
year: yr yrs years
dollar: dollars usd USD bucks $
cent: cents ¢
euro: euros EUR €
poundsterling: GBP £
yen: JPY ¥
rupee: rupees Rs ₹
degree: degrees deg °
radian: radians rad
celsius: °C ℃
fahrenheit: °F ℉
percent: % pct percentage
mile/hour: mph
kilometer/hour: kph kmph
hertz: Hz
newton: N newtons
joule: J joules
watt: W watts
volt: V volts
ampere: A amperes amps
kelvin: K
unit: units
"""
CANONICAL = {
    name: line.partition(":")[0]
    for line in SYNONYMS.strip().splitlines()
    for name in (line.partition(":")[0], *line.partition(":")[2].split())
}
SINGLE_LETTERS = frozenset("mgsLlhNJWVK")  # that may be a unit after a number and a space
CURRENCIES = {"$": "dollar", "€": "euro", "£": "poundsterling", "¥": "yen", "₹": "rupee", "¢": "cent"}
MULTIPLIERS = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
MULTIPLIERS["dozen"] = 12
PARTS = {"thirds": 3, "fourths": 4, "fifths": 5, "sixths": 6, "sevenths": 7, "eighths": 8, "ninths": 9, "tenths": 10}
PARTS |= {"hundredths": 100, "thousandths": 1000}
POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_OPERATIVE = """
not no isn't wasn't wrong incorrect false never cannot can't none nor neither negative minus plus times point half
halves third quarter dozens score grand hundreds thousands millions billions trillions reciprocal inverse opposite least
most than or maybe perhaps probably possibly between divided multiplied by to through until root cubes squares mod
modulo if unless except without wait actually instead nope question lakh crore gross
"""
OPERATIVE = frozenset(_OPERATIVE.split())  # words that change a value, or deny it: nothing with one is a counted noun


def known(word: str) -> str | None:
    """The canonical name of a unit."""
    return CANONICAL.get(word) or CANONICAL.get(word.lower().rstrip("."))


def read_unit(words: Sequence[str]) -> tuple[str | None, Fraction]:
    """The canonical unit, None for counted nouns, and the factor that words such as million stand for.

    Args:
        words: what follows a number: words, and `/`, `*`, `^2` between them.

    Raises:
        ValueError: for words that change the value: not, minus, at least.
    """
    words = list(words)
    if any(word.lower() in OPERATIVE for word in words):
        raise ValueError("a word changes the value")
    factor = Fraction(1)
    while words and words[0].lower() in MULTIPLIERS:
        factor *= MULTIPLIERS[words.pop(0).lower()]
    if [word.lower() for word in words[:2]] == ["per", "cent"]:
        return "percent", factor
    if words and (part := PARTS.get(words[0].lower())) is not None:
        words.pop(0)
        factor /= part
    while words and words[0].lower() in ("of", "us", "u.s."):
        words.pop(0)
    numerator, denominator = _split_at_per(words)
    unit, below = _one_unit(numerator), _one_unit(denominator)
    if unit == "unit" or unit is None:
        return None, factor
    return (f"{unit}/{below}" if below and "/" not in unit else unit), factor


def agree(one: str, other: str) -> bool:
    """Whether two canonical units are the same, what is left out below the line forgiven."""
    if "/" in one and "/" in other:
        return one == other
    return one.partition("/")[0] == other.partition("/")[0]


def _split_at_per(words: list[str]) -> tuple[list[str], list[str]]:
    for i, word in enumerate(words):
        if word.lower() in ("per", "/", "a", "an", "each", "every"):
            return words[:i], words[i + 1 :]
    return words, []


def _one_unit(words: Sequence[str]) -> str | None:
    """The first word's unit and its power, for instance foot^2; None where the first word is no unit."""
    power, unit = 1, None
    for word in words:
        if word.lower() in POWERS:
            power = POWERS[word.lower()]
        elif word.startswith("^"):
            power = int(word[1:])
        elif unit is None:
            unit = known(word)
            if unit is None:
                return None
        elif unit == "degree" and known(word) in ("celsius", "fahrenheit"):
            unit = known(word)
    if unit is None:
        return None
    return unit if power == 1 else f"{unit}^{power}"
