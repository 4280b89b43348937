"""fastText, rebuilt: text classification and word vectors.

`import gradwell.text as fasttext` takes the calls of fastText 0.9.3.
"""

from gradwell.text import FastText
from gradwell.text.FastText import cbow, load_model, skipgram, supervised, tokenize, train_supervised, train_unsupervised

__all__ = ["FastText", "cbow", "load_model", "skipgram", "supervised", "tokenize", "train_supervised", "train_unsupervised"]
