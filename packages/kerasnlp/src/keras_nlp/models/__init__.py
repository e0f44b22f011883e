"""Text models: backbones, tasks, and what feeds them."""

from domain_core import Backbone as Backbone
from domain_core import Preprocessor as Preprocessor
from domain_core import Task as Task
from domain_core import Tokenizer as Tokenizer
from keras_nlp.models.aliases import BertPreprocessor as BertPreprocessor
from keras_nlp.models.aliases import BertTextClassifier as BertTextClassifier
from keras_nlp.models.aliases import (
    BertTextClassifierPreprocessor as BertTextClassifierPreprocessor,
)
from keras_nlp.models.aliases import Classifier as Classifier
from keras_nlp.models.aliases import DistilBertPreprocessor as DistilBertPreprocessor
from keras_nlp.models.aliases import (
    DistilBertTextClassifier as DistilBertTextClassifier,
)
from keras_nlp.models.aliases import (
    DistilBertTextClassifierPreprocessor as DistilBertTextClassifierPreprocessor,
)
from keras_nlp.models.aliases import RobertaPreprocessor as RobertaPreprocessor
from keras_nlp.models.aliases import RobertaTextClassifier as RobertaTextClassifier
from keras_nlp.models.aliases import (
    RobertaTextClassifierPreprocessor as RobertaTextClassifierPreprocessor,
)
from keras_nlp.models.aliases import XLMRobertaPreprocessor as XLMRobertaPreprocessor
from keras_nlp.models.aliases import (
    XLMRobertaTextClassifier as XLMRobertaTextClassifier,
)
from keras_nlp.models.aliases import (
    XLMRobertaTextClassifierPreprocessor as XLMRobertaTextClassifierPreprocessor,
)
from keras_nlp.models.bert import BertBackbone as BertBackbone
from keras_nlp.models.bert import BertClassifier as BertClassifier
from keras_nlp.models.bert import BertMaskedLM as BertMaskedLM
from keras_nlp.models.bert import BertQuestionAnswerer as BertQuestionAnswerer
from keras_nlp.models.bert import BertTextEmbedder as BertTextEmbedder
from keras_nlp.models.bert import BertTokenizer as BertTokenizer
from keras_nlp.models.bert.preprocessors import (
    BertClassifierPreprocessor as BertClassifierPreprocessor,
)
from keras_nlp.models.bert.preprocessors import (
    BertMaskedLMPreprocessor as BertMaskedLMPreprocessor,
)
from keras_nlp.models.bert.preprocessors import (
    BertQuestionAnswererPreprocessor as BertQuestionAnswererPreprocessor,
)
from keras_nlp.models.bert.preprocessors import (
    BertTextEmbedderPreprocessor as BertTextEmbedderPreprocessor,
)
from keras_nlp.models.distil_bert import DistilBertBackbone as DistilBertBackbone
from keras_nlp.models.distil_bert import DistilBertClassifier as DistilBertClassifier
from keras_nlp.models.distil_bert import DistilBertMaskedLM as DistilBertMaskedLM
from keras_nlp.models.distil_bert import (
    DistilBertTextEmbedder as DistilBertTextEmbedder,
)
from keras_nlp.models.distil_bert import DistilBertTokenizer as DistilBertTokenizer
from keras_nlp.models.distil_bert.preprocessors import (
    DistilBertClassifierPreprocessor as DistilBertClassifierPreprocessor,
)
from keras_nlp.models.distil_bert.preprocessors import (
    DistilBertMaskedLMPreprocessor as DistilBertMaskedLMPreprocessor,
)
from keras_nlp.models.distil_bert.preprocessors import (
    DistilBertTextEmbedderPreprocessor as DistilBertTextEmbedderPreprocessor,
)
from keras_nlp.models.masked_lm import MaskedLM as MaskedLM
from keras_nlp.models.masked_lm_preprocessor import (
    MaskedLMPreprocessor as MaskedLMPreprocessor,
)
from keras_nlp.models.question_answerer import Answer as Answer
from keras_nlp.models.question_answerer import QuestionAnswerer as QuestionAnswerer
from keras_nlp.models.question_answerer_preprocessor import (
    QuestionAnswererPreprocessor as QuestionAnswererPreprocessor,
)
from keras_nlp.models.roberta import RobertaBackbone as RobertaBackbone
from keras_nlp.models.roberta import RobertaClassifier as RobertaClassifier
from keras_nlp.models.roberta import RobertaMaskedLM as RobertaMaskedLM
from keras_nlp.models.roberta import RobertaTextEmbedder as RobertaTextEmbedder
from keras_nlp.models.roberta import RobertaTokenizer as RobertaTokenizer
from keras_nlp.models.roberta.preprocessors import (
    RobertaClassifierPreprocessor as RobertaClassifierPreprocessor,
)
from keras_nlp.models.roberta.preprocessors import (
    RobertaMaskedLMPreprocessor as RobertaMaskedLMPreprocessor,
)
from keras_nlp.models.roberta.preprocessors import (
    RobertaTextEmbedderPreprocessor as RobertaTextEmbedderPreprocessor,
)
from keras_nlp.models.text_classifier import TextClassifier as TextClassifier
from keras_nlp.models.text_classifier_preprocessor import (
    TextClassifierPreprocessor as TextClassifierPreprocessor,
)
from keras_nlp.models.text_embedder import TextEmbedder as TextEmbedder
from keras_nlp.models.text_embedder_preprocessor import (
    TextEmbedderPreprocessor as TextEmbedderPreprocessor,
)
from keras_nlp.models.xlm_roberta import XLMRobertaBackbone as XLMRobertaBackbone
from keras_nlp.models.xlm_roberta import XLMRobertaClassifier as XLMRobertaClassifier
from keras_nlp.models.xlm_roberta import XLMRobertaMaskedLM as XLMRobertaMaskedLM
from keras_nlp.models.xlm_roberta import (
    XLMRobertaTextEmbedder as XLMRobertaTextEmbedder,
)
from keras_nlp.models.xlm_roberta import XLMRobertaTokenizer as XLMRobertaTokenizer
from keras_nlp.models.xlm_roberta.preprocessors import (
    XLMRobertaClassifierPreprocessor as XLMRobertaClassifierPreprocessor,
)
from keras_nlp.models.xlm_roberta.preprocessors import (
    XLMRobertaMaskedLMPreprocessor as XLMRobertaMaskedLMPreprocessor,
)
from keras_nlp.models.xlm_roberta.preprocessors import (
    XLMRobertaTextEmbedderPreprocessor as XLMRobertaTextEmbedderPreprocessor,
)
