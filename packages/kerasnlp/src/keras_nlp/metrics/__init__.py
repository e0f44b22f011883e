"""Metrics of text, on every backend."""

from keras_nlp.metrics.bleu import Bleu as Bleu
from keras_nlp.metrics.edit_distance import EditDistance as EditDistance
from keras_nlp.metrics.perplexity import Perplexity as Perplexity
from keras_nlp.metrics.rouge import RougeL as RougeL
from keras_nlp.metrics.rouge import RougeN as RougeN
