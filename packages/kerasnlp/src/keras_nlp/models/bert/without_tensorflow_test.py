"""All of the BERT family without TensorFlow: it is installed here, and never imported.

The smoke test of the wheels does without it for real.
"""

import pytest

from domain_core.testing import run_python

PROGRAM = """
import importlib.machinery
import sys


class Forbid:
    # torch asks whether TensorFlow can be found; only importing it is wrong.
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_text"):
            return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        raise AssertionError(f"{spec.name} is imported")

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Forbid())

import keras
import keras_nlp
import numpy as np

models = keras_nlp.models
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "fox", "who", "jumped"]
tokenizer = models.BertTokenizer(vocabulary)
texts = ["who jumped", "fox jumped", "fox"]


def backbone():
    return models.BertBackbone(8, 1, 2, 8, 16, max_sequence_length=8)


def check(task, x, y=None, samples=None):
    task.fit(x, y, batch_size=3, validation_data=None if y is None else (x, y),
             verbose=0)
    task.evaluate(x, y, batch_size=3, verbose=0)
    task.predict(x, batch_size=3, verbose=0)
    task.get_config()
    folder = sys.argv[1] + "/" + type(task).__name__
    task.save_to_preset(folder)
    return type(task).from_preset(folder)


preprocessor = models.BertClassifierPreprocessor(tokenizer, 8)
check(models.BertClassifier(backbone(), 2, preprocessor), texts, [0, 1, 1])
assert "tensorflow" not in sys.modules
if keras.config.backend() != "torch":  # what is left runs on the host
    sys.exit()
check(models.BertMaskedLM(backbone(), models.BertMaskedLMPreprocessor(tokenizer, 8)),
      texts)
preprocessor = models.BertQuestionAnswererPreprocessor(tokenizer, 8, stride=2)
x = {"question": ["who"] * 3, "context": texts}
y = {"start": np.array([0, 0, 0]), "end": np.array([3, 3, 3])}
answerer = check(models.BertQuestionAnswerer(backbone(), preprocessor), x, y)
answerer.answer("who", "fox jumped")
assert "tensorflow" not in sys.modules
"""


@pytest.mark.backends("jax", "torch")
def test_nothing_imports_tensorflow(tmp_path):
    run_python(PROGRAM, str(tmp_path))
