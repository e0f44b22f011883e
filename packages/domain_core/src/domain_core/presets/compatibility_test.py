from types import SimpleNamespace

import pytest

from domain_core.images import ImageConverter
from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.compatibility import check_parts


def tokenizer(size, special=(0,)):
    return SimpleNamespace(largest_id=lambda: max(size - 1, *special))


def test_tokenizers():
    backbone = SimpleNamespace(vocabulary_size=100)
    check_parts(backbone, SimpleNamespace(tokenizer=tokenizer(100)), "a")
    check_parts(backbone, SimpleNamespace(tokenizer=tokenizer(90)), "a")
    for bad in (tokenizer(101), tokenizer(90, [3, 100])):
        with pytest.raises(PresetCorruptError, match="ids below 100.*gives 100"):
            check_parts(backbone, SimpleNamespace(tokenizer=bad), "a")


def test_images():
    converter = ImageConverter(image_size=(8, 12))
    preprocessor = SimpleNamespace(image_converter=converter)
    for fits in ((None, None, 3), (8, 12, 3), (None, 12, 3)):
        backbone = SimpleNamespace(input_shape=(None, *fits))
        check_parts(backbone, preprocessor, "a")
    for differs in ((None, None, 1), (8, 8, 3)):
        backbone = SimpleNamespace(input_shape=(None, *differs))
        with pytest.raises(PresetCorruptError, match=r"gives \(8, 12, 3\)"):
            check_parts(backbone, preprocessor, "a")


@pytest.mark.parametrize("preprocessor", [None, lambda x: x])
def test_preprocessors_of_which_nothing_is_known(preprocessor):
    check_parts(SimpleNamespace(), preprocessor, "a")
