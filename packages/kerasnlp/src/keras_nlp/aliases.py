"""Names that KerasNLP 0.14 and 0.15 gave to classes of ours."""

from keras_nlp.models.bert import BertClassifier
from keras_nlp.models.bert.preprocessors import BertClassifierPreprocessor
from keras_nlp.models.text_classifier import TextClassifier

BertTextClassifier = BertClassifier
BertTextClassifierPreprocessor = BertClassifierPreprocessor
BertPreprocessor = BertClassifierPreprocessor
Classifier = TextClassifier
