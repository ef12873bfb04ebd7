"""Check digits of cards, bank accounts, national numbers and wallets, by the rules of their issuers. Arguments are figures (and letters) without separators."""

from __future__ import annotations

import hashlib

_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VERHOEFF_D = "0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210".split()
_VERHOEFF_P = "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258".split()
_FISCAL_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True)
)  # fmt: skip


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: cards, Canadian SIN, Swedish personal numbers."""
    total = sum(int(d) for d in digits[-1::-2])
    return (total + sum((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(d)] for d in digits[-2::-2])) % 10 == 0


def mod97(iban: str) -> bool:
    """ISO 13616: the account, four characters turned to the back, letters as 10 to 35, is 1 modulo 97."""
    turned = iban[4:] + iban[:4]
    return turned.isascii() and turned.isalnum() and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def routing(digits: str) -> bool:
    """American Bankers Association: weights 3, 7, 1 and one of the ranges in use."""
    total = sum(int(d) * w for d, w in zip(digits, (3, 7, 1) * 3, strict=True))
    first = int(digits[:2])
    return total % 10 == 0 and (first <= 12 or 21 <= first <= 32 or 61 <= first <= 72 or first == 80)


def verhoeff(digits: str) -> bool:
    """Aadhaar of India."""
    state = "0"
    for place, digit in enumerate(reversed(digits)):
        state = _VERHOEFF_D[int(state)][int(_VERHOEFF_P[place % 8][int(digit)])]
    return state == "0"


def iso7064_mod11_10(digits: str) -> bool:
    """The tax identification number of Germany."""
    product = 10
    for digit in digits[:-1]:
        product = (((product + int(digit)) % 10 or 10) * 2) % 11
    return (11 - product) % 10 == int(digits[-1])


def weighted_mod11(digits: str, weights: tuple[int, ...]) -> int:
    """The weighted sum modulo 11: of the British NHS number, the Dutch BSN, the Brazilian CPF."""
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11


def nhs(digits: str) -> bool:
    """The number of a patient in the United Kingdom."""
    check = 11 - weighted_mod11(digits[:9], tuple(range(10, 1, -1)))
    return check % 11 == int(digits[9]) and check != 10


def bsn(digits: str) -> bool:
    """The citizen service number of the Netherlands."""
    return digits != "0" * 9 and weighted_mod11(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) == 0


def cpf(digits: str) -> bool:
    """The number of a taxpayer in Brazil."""
    for length in (9, 10):
        check = weighted_mod11(digits, tuple(range(length + 1, 1, -1)))
        if (0 if check < 2 else 11 - check) != int(digits[length]):
            return False
    return len(set(digits)) > 1


def pesel(digits: str) -> bool:
    """The personal number of Poland; its month carries the century."""
    total = sum(int(d) * w for d, w in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True))
    return total % 10 == 0 and 1 <= int(digits[2:4]) % 20 <= 12 and 1 <= int(digits[4:6]) <= 31


def nir(digits: str) -> bool:
    """The registration number of France: 13 figures and their key."""
    return digits[0] in "12" and 97 - int(digits[:13]) % 97 == int(digits[13:])


def rijksregister(digits: str) -> bool:
    """The national number of Belgium, before and since 2000."""
    return any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2"))


def ean13(digits: str) -> bool:
    """The social insurance number of Switzerland is an EAN-13."""
    return sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(digits)) % 10 == 0


def dni(code: str) -> bool:
    """The identity card of Spain, and of foreigners there (X, Y, Z)."""
    number = code[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdecimal() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def hetu(code: str) -> bool:
    """The personal identity code of Finland, DDMMYYsNNNc."""
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(code[:6] + code[7:10]) % 31] == code[10]


def codice_fiscale(code: str) -> bool:
    """The tax code of Italy: 15 characters and their check letter."""
    total = sum(_FISCAL_ODD[c] for c in code[0:15:2]) + sum(
        int(c) if c.isdecimal() else ord(c) - 65 for c in code[1:15:2]
    )
    return chr(65 + total % 26) == code[15]


def base58check(address: str) -> bool:
    """A Bitcoin address: 25 bytes whose last four are a double SHA-256 of the others."""
    number = 0
    for char in address:
        number = number * 58 + _B58.index(char)
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def bech32(address: str) -> bool:
    """BIP 173 and BIP 350: a segregated witness address of Bitcoin."""
    human, _, data = address.lower().rpartition("1")
    if not human or any(c not in _BECH32 for c in data):
        return False
    checksum = 1
    for value in [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human] + [_BECH32.index(c) for c in data]:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum in (1, 0x2BC830A3)
