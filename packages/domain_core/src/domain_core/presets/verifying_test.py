import pytest

import domain_core
from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets import save_preset
from domain_core.presets.verifying import verify


@domain_core.serializable("testing")
class Upper(domain_core.Preprocessor):
    """Something small to save."""

    def __call__(self, x, y=None, sample_weight=None):
        return x.upper()

    def get_config(self):
        return {}


@pytest.fixture
def preset(tmp_path):
    save_preset(tmp_path / "preset", preprocessor=Upper())
    return tmp_path / "preset"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    paths = []
    for name in ("ours", "theirs"):
        private = ec.generate_private_key(ec.SECP256R1())
        folder = tmp_path_factory.mktemp(name)
        (folder / "private.pem").write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "public.pem").write_bytes(
            private.public_key().public_bytes(
                serialization.Encoding.PEM,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            )
        )
        paths.append(folder)
    return paths


def damage(preset):
    path = preset / "preprocessor.json"
    path.write_bytes(path.read_bytes().replace(b"Upper", b"Lower"))


def test_a_whole_preset(preset):
    assert sorted(verify(preset)) == ["README.md", "preprocessor.json"]


def test_each_fault_is_named(preset):
    damage(preset)
    (preset / "README.md").unlink()
    (preset / "more.json").write_text("{}")
    with pytest.raises(PresetCorruptError) as error:
        verify(str(preset))
    for fault in (
        "more.json is not in the manifest",
        "README.md is missing",
        "preprocessor.json has another content",
    ):
        assert fault in str(error.value)


def test_loading_compares_when_asked(preset):
    damage(preset)
    with pytest.raises(PresetUnsafeError, match="testing>Lower"):
        Upper.from_preset(preset)
    with pytest.raises(PresetCorruptError, match="another content"):
        Upper.from_preset(preset, verify=True)


def test_without_manifest(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(PresetCorruptError, match="only presets that `save_to_preset`"):
        verify(tmp_path)


def test_signatures(tmp_path, keys, monkeypatch):
    ours, theirs = keys
    preset = tmp_path / "preset"
    save_preset(preset, preprocessor=Upper(), sign_key=ours / "private.pem")
    public = ours / "public.pem"
    assert Upper.from_preset(preset, verify_key=public)("a") == "A"
    with pytest.raises(PresetUnsafeError, match="to be signed by the key"):
        Upper.from_preset(preset, verify_key=theirs / "public.pem")
    damage(preset)
    with pytest.raises(PresetUnsafeError, match="to be signed by the key"):
        Upper.from_preset(preset, verify_key=public)
    (preset / "model.sig").unlink()
    with pytest.raises(PresetUnsafeError, match="there is none"):
        Upper.from_preset(preset, verify_key=public)
    monkeypatch.setenv("DOMAIN_CORE_REQUIRE_SIGNATURE", "1")
    with pytest.raises(PresetUnsafeError, match="Expected `verify_key`"):
        Upper.from_preset(preset)


def test_a_key_that_is_none(preset, tmp_path):
    (tmp_path / "key.pem").write_text("secret words")
    with pytest.raises(domain_core.PresetError, match="openssl") as error:
        save_preset(
            preset,
            preprocessor=Upper(),
            sign_key=tmp_path / "key.pem",
            overwrite=True,
        )
    assert "secret" not in str(error.value)
    assert sorted(verify(preset)) == ["README.md", "preprocessor.json"]
