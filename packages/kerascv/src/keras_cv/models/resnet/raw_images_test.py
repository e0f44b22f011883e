"""From photographs to names, as Hugging Face's processor and model give them."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from domain_core.testing import assert_close
from keras_cv.layers import ImageConverter
from keras_cv.models import ImageClassifier, ResNetBackbone

SIZE = 64


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as on Hugging Face's hub, and what its own code makes of photographs."""
    torch = pytest.importorskip("torch", reason="transformers needs torch")
    import transformers

    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[16, 24],
        depths=[1, 2],
        layer_type="basic",
        id2label={0: "flower", 1: "temple", 2: "other"},
        label2id={"flower": 0, "temple": 1, "other": 2},
    )
    model = transformers.ResNetForImageClassification(config).eval()
    processor = transformers.ConvNextImageProcessor(
        size={"shortest_edge": SIZE}, crop_pct=0.875, resample=3
    )
    folder = tmp_path_factory.mktemp("published")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    photographs = load_sample_images().images
    inputs = processor(list(photographs), return_tensors="pt")
    with torch.no_grad():
        return folder, photographs, model(**inputs).logits.numpy()


def test_a_published_folder_reads_photographs(published):
    folder, photographs, expected = published
    classifier = ImageClassifier.from_preset(folder)
    logits = classifier.predict(photographs, verbose=0)
    assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    named = classifier.decode_predictions(logits, top=1)
    names = [["flower", "temple", "other"][row.argmax()] for row in expected]
    assert [row[0][0] for row in named] == names

    paths = load_sample_images().filenames
    from_files = classifier.predict(sorted(paths), verbose=0)
    assert_close(from_files, logits, rtol=1e-6, atol=1e-6)


def test_its_parts_and_a_new_head(published, tmp_path):
    folder, photographs, _ = published
    converter = ImageConverter.from_preset(folder)
    assert (converter.image_size, converter.crop_ratio) == ((SIZE, SIZE), 0.875)
    assert ImageConverter.from_preset(folder, image_size=32).image_size == (32, 32)
    with pytest.warns(UserWarning, match="predictions, is new"):
        classifier = ImageClassifier.from_preset(
            folder, num_classes=5, activation="softmax"
        )
    assert classifier.class_names is None
    classifier.save_to_preset(tmp_path / "preset")
    again = ImageClassifier.from_preset(tmp_path / "preset")
    assert again.preprocessor.image_converter.get_config() == converter.get_config()
    assert_close(
        again.predict(photographs, verbose=0),
        classifier.predict(photographs, verbose=0),
        rtol=1e-6,
        atol=1e-6,
    )


def test_a_declared_preset_takes_raw_images_without_weights():
    backbone = ResNetBackbone.from_preset("resnet18")
    assert backbone.count_params() == ResNetBackbone.presets["resnet18"].parameters
    classifier = ImageClassifier.from_preset("resnet18", num_classes=2)
    assert classifier.preprocessor.image_converter.image_size == (224, 224)
    with pytest.raises(ValueError, match="without published weights"):
        ResNetBackbone.from_preset("resnet18", load_weights=True)


def test_what_keras_cv_users_fit():
    """One-hot labels and floats in [0, 255], in a dataset of batches."""

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            rng = np.random.default_rng(index)
            images = rng.uniform(0, 255, (4, 33, 47, 3)).astype("float32")
            return images, np.eye(3)[rng.integers(0, 3, 4)]

    backbone = ResNetBackbone(
        stackwise_filters=[8],
        stackwise_blocks=[1],
        stackwise_strides=[1],
        include_rescaling=True,
        block_type="basic_block",
        stem_filters=8,
    )
    model = ImageClassifier(backbone, num_classes=3)
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(Batches(), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
