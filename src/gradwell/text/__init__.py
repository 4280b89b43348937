"""fastText, rebuilt: text classification and word vectors.

`import gradwell.text as fasttext` takes the calls of fastText 0.9.3. `gradwell.text.TextClassifier` and `TextVectors` are
scikit-learn's estimators; scikit-learn is imported when they are asked for.
"""

from typing import TYPE_CHECKING

from gradwell.lazy import lazily
from gradwell.text import FastText
from gradwell.text.FastText import cbow, load_model, skipgram, supervised, tokenize, train_supervised, train_unsupervised

if TYPE_CHECKING:
    from gradwell.text.classifier import TextClassifier as TextClassifier
    from gradwell.text.vectors import TextVectors as TextVectors

__all__ = ["FastText", "cbow", "load_model", "skipgram", "supervised", "tokenize", "train_supervised", "train_unsupervised"]
__getattr__, __dir__ = lazily(__name__, {"TextClassifier": "classifier", "TextVectors": "vectors"})
