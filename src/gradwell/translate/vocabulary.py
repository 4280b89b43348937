"""Sentences to numbers and back: subwords that are learned from the text (Sennrich et al. 2016), or characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError, ModelFileError
from gradwell.folder import read
from gradwell.translate.needs import tokenizers

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
NEVER = [PAD, BOS, UNK]  # tokens that no translation contains
SPACE = "▁"  # stands where a word begins, so that tokens say where the spaces were


class Vocabulary:
    """The tokens of one language, or of two that share them."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def learn(cls, sentences: Iterable[str], units: str, size: int, lowercase: bool) -> Vocabulary:
        """Tokens that occur in some sentences: the `size` best subwords, or every character that occurs twice."""
        library = tokenizers()
        parts = library.normalizers
        normal = [parts.NFC(), *([parts.Lowercase()] if lowercase else [])]
        before = library.pre_tokenizers
        if units == "subwords":
            tokenizer = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[UNK]))
            tokenizer.pre_tokenizer = before.Sequence([before.Metaspace(SPACE), before.Punctuation("isolated"), before.Digits(True)])
            trainer = library.trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, min_frequency=2, show_progress=False)
        else:
            tokenizer = library.Tokenizer(library.models.WordLevel(unk_token=SPECIAL[UNK]))
            normal.append(parts.Replace(" ", SPACE))
            tokenizer.pre_tokenizer = before.Split(library.Regex("."), "isolated")
            trainer = library.trainers.WordLevelTrainer(vocab_size=10**6, special_tokens=SPECIAL, min_frequency=1, show_progress=False)
        tokenizer.normalizer = parts.Sequence(normal)
        tokenizer.train_from_iterator(sentences, trainer)
        return cls(tokenizer)

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """The tokens of each sentence, `</s>` last."""
        return [[*found.ids, EOS] for found in self.tokenizer.encode_batch(list(sentences), add_special_tokens=False)]

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Tokens as they are written."""
        return [self.tokenizer.id_to_token(i) for i in ids]

    def decode(self, ids: Iterable[int]) -> str:
        """A sentence; what is not a word of it is left out."""
        return "".join(self.tokens(i for i in ids if i > UNK)).replace(SPACE, " ").strip()

    def dump(self) -> str:
        """The vocabulary as JSON."""
        return str(self.tokenizer.to_str())

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """The vocabulary in a file. Raises ModelFileError when it holds none."""
        return cls.parse(read(path), str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Vocabulary:
        """The vocabulary that JSON states. Raises ModelFileError when it states none."""
        try:
            tokenizer = tokenizers().Tokenizer.from_str(text)
        except DependencyError:
            raise
        except Exception as error:  # noqa: BLE001 - the library raises no other
            raise ModelFileError(f"{name} holds no vocabulary: {error}") from None
        if [tokenizer.id_to_token(i) for i in range(len(SPECIAL))] != SPECIAL:
            raise ModelFileError(f"{name} is the vocabulary of something else: its first tokens are not {' '.join(SPECIAL)}")
        return cls(tokenizer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and json.loads(self.dump()) == json.loads(other.dump())

    __hash__ = None  # type: ignore[assignment]

