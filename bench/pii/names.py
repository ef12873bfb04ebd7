"""Made texts with names: listed ones, and invented ones that no list can hold, in sentences and lines, with and without capitals."""

from __future__ import annotations

import random

from bench.pii.labelled import Label, Sample

_FIRST = (
    "Anna Marco Yusuf Priya Hiroshi Elena Johan Kwame Sofia Mehmet Ingrid Tomasz Chloé Diego Olga Liam Fatima Björn Ana Zoltan Noah Greta Ravi Amina Luca"
).split()
_LAST = (
    "Smith Kowalski García Müller Rossi Tanaka Nguyen Okafor Johansson Petrov Yılmaz Dubois Silva Novák Horvat Patel Nowak Schneider Moreau Lopez Virtanen "
    "Papadopoulos Ivanova Haddad Walker"
).split()
_SENTENCES = (
    "My name is {}.", "Hello, this is {} speaking.", "I spoke with {} yesterday.", "Can I talk to {}, please?", "{} is very reliable.",
    "{} wants to know the balance.",
    "Please send the invoice to {}.", "Is {} still in a meeting?", "I am calling for {} about the invoice.", "The account belongs to {}.",
    "Hi {}, thanks for calling.",
    "Have you seen {}'s report?", "{} moved to Lisbon in May.", "We met {} and the others.", "Mr. {} called twice.", "Name: {}\nPhone: none",
    "{}\nAccountant\nMunich",
    "According to {}, it works.", "Ask for {} at the front desk.", "I got a letter from {} last week.", "Thanks, {}", "The doctor, {}, will see you now.",
)  # fmt: skip
_LOWER = (
    "my name is {}",
    "hello this is {} speaking",
    "i spoke with {} yesterday",
    "the account belongs to {}",
    "can you call {} for me",
)
_NOBODY = (
    "The meeting is in Berlin on Monday.", "I bought a new Toyota in Spain.", "Is the Google account still open?", "We speak English and German here.",
    "Please cancel my subscription to the Daily News.", "Turn on the lights in the kitchen.", "Can I get a large latte with soy milk?",
    "The Eiffel Tower is in Paris.",
    "Which Python version do you support?", "What is the opening time on Christmas Eve?", "My order from Amazon has not arrived.",
    "Does the Premium plan include support?",
)  # fmt: skip
_ONSETS = "b br d dr f g gr h j k kl l m n p pr r s sch st t tr v w z".split()
_VOWELS = "a e i o u ie au".split()
_CODAS = ["", "l", "n", "r", "s", "nd", "rt", "m", "k"]
_ENDINGS = "ov ova escu sson inen berg owicz ius elli oulos adze ian aki eira wala mbe".split()


def samples(seed: int, count: int) -> list[Sample]:
    """`count` texts with one name each, and a fifth as many with none."""
    rng = random.Random(seed)
    made = [_sample(rng) for _ in range(count)]
    return [*made, *(Sample(rng.choice(_NOBODY), ()) for _ in range(count // 5))]


def _sample(rng: random.Random) -> Sample:
    lower = rng.random() < 0.15
    sentence = rng.choice(_LOWER if lower else _SENTENCES)
    first = rng.choice(_FIRST) if rng.random() < 0.6 else _invented(rng, "")
    last = rng.choice(_LAST) if rng.random() < 0.4 else _invented(rng, rng.choice(_ENDINGS))
    name = rng.choice((f"{first} {last}", f"{first} {last}", first, last, f"{first} {rng.choice('ABCDJMST')}. {last}"))
    if sentence.startswith("Mr."):
        name = last
    if lower:
        name = f"{first} {last}".lower()
    start = sentence.index("{}")
    return Sample(sentence.replace("{}", name), (Label("person", start, start + len(name)),))


def _invented(rng: random.Random, ending: str) -> str:
    syllables = [rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(2 if not ending else 1)]
    return ("".join(syllables) + ending).capitalize()
