"""Names that KerasNLP 0.14 and 0.15 gave to classes of ours."""

from keras_nlp.models.bert import BertClassifier, BertClassifierPreprocessor
from keras_nlp.models.distil_bert import (
    DistilBertClassifier,
    DistilBertClassifierPreprocessor,
)
from keras_nlp.models.roberta import (
    RobertaClassifier,
    RobertaClassifierPreprocessor,
    XLMRobertaClassifier,
    XLMRobertaClassifierPreprocessor,
)
from keras_nlp.models.text_classifier import TextClassifier

BertTextClassifier = BertClassifier
BertTextClassifierPreprocessor = BertClassifierPreprocessor
BertPreprocessor = BertClassifierPreprocessor
DistilBertTextClassifier = DistilBertClassifier
DistilBertTextClassifierPreprocessor = DistilBertClassifierPreprocessor
DistilBertPreprocessor = DistilBertClassifierPreprocessor
RobertaTextClassifier = RobertaClassifier
RobertaTextClassifierPreprocessor = RobertaClassifierPreprocessor
RobertaPreprocessor = RobertaClassifierPreprocessor
XLMRobertaTextClassifier = XLMRobertaClassifier
XLMRobertaTextClassifierPreprocessor = XLMRobertaClassifierPreprocessor
XLMRobertaPreprocessor = XLMRobertaClassifierPreprocessor
Classifier = TextClassifier
