"""Whisper's vocabulary: the prompts that start the decoder, text from tokens, and tokens gathered into words."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from voiceagent.kit.errors import Misconfigured, Unsupported

MAX_PROMPT_TOKENS = 120
_UNSPACED_LANGUAGES = {"zh", "ja", "th", "lo", "my", "yue", "km"}
_NO_LANGUAGES = ("en",)


class Vocabulary:
    """The tokens of one model. `languages`: the codes it knows; only `en` for an English-only model."""

    def __init__(self, tokenizer_file: Path, *, multilingual: bool) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        except Exception as error:  # the library raises bare Exception for a missing or damaged file
            raise Misconfigured("model_corrupt", "tokenizer.json of the speech model cannot be read") from error
        self._multilingual = multilingual
        self.end = self._id("<|endoftext|>")
        self.languages = self._languages() if multilingual else _NO_LANGUAGES

    def start(self, language: str) -> list[int]:
        """The sequence that starts a transcript in `language`, without times."""
        names = ["<|startoftranscript|>"]
        if self._multilingual:
            names += [f"<|{language}|>", "<|transcribe|>"]
        return [self._id(name) for name in names]

    def prompt(self, language: str, context: str = "") -> list[int]:
        """What the decoder is given before it writes; `context` is text in whose style and spelling it shall write."""
        before: list[int] = []
        if context.strip():
            tokens = self._tokenizer.encode(" " + context.strip(), add_special_tokens=False).ids
            # A special token spelled out in the context must not steer the decoder.
            before = [self._id("<|startofprev|>"), *[t for t in tokens if t < self.end][-MAX_PROMPT_TOKENS:]]
        return [*before, *self.start(language), self._id("<|notimestamps|>")]

    def language(self, wanted: str | None) -> str | None:
        """The model's code for a BCP-47 tag; None when the model shall find out. Raises Unsupported `unsupported_language`."""
        if not wanted:
            return None if self._multilingual else "en"
        code = wanted.replace("_", "-").split("-")[0].lower()
        if code not in self.languages:
            raise Unsupported(
                "unsupported_language", f"the speech model does not know {wanted[:20]!r}", param="language"
            )
        return code

    def text(self, tokens: list[int]) -> str:
        """The text of tokens; special ones say nothing."""
        text: str = self._tokenizer.decode([token for token in tokens if token < self.end])
        return text

    def words(self, tokens: list[int], language: str) -> list[tuple[str, list[int]]]:
        """The words that `tokens` spell, each with its tokens; punctuation belongs to its word. Joined, the words are the text."""
        words: list[tuple[str, list[int]]] = []
        for piece, group in self._characters(tokens):
            starts = piece.startswith(" ") or (language in _UNSPACED_LANGUAGES and piece.strip().isalnum())
            if words and not starts:
                words[-1] = (words[-1][0] + piece, words[-1][1] + group)
            else:
                words.append((piece, group))
        return words

    def _characters(self, tokens: list[int]) -> list[tuple[str, list[int]]]:
        """Tokens gathered until they spell whole characters: a character of many bytes may span several."""
        pieces: list[tuple[str, list[int]]] = []
        group: list[int] = []
        for token in tokens:
            group.append(token)
            text = self._tokenizer.decode(group)
            if "\ufffd" not in text:
                pieces.append((text, group))
                group = []
        return pieces

    def _id(self, name: str) -> int:
        token: int | None = self._tokenizer.token_to_id(name)
        if token is None:
            raise Misconfigured("model_corrupt", f"tokenizer.json of the speech model lacks {name}")
        return token

    def _languages(self) -> tuple[str, ...]:
        """Language tokens stand between the start of the transcript and the first task."""
        first, last = self._id("<|startoftranscript|>") + 1, self._id("<|translate|>")
        return tuple(str(self._tokenizer.id_to_token(token)).strip("<|>") for token in range(first, last))
