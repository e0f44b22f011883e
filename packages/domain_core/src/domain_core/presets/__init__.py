"""Loading and saving presets: directories that hold a model.

`open_preset.py` tells layouts apart by their files; everything else asks the layout.
"""

from domain_core.presets.download import download as download
from domain_core.presets.listing import list_presets as list_presets
from domain_core.presets.loading import load_backbone as load_backbone
from domain_core.presets.loading import load_image_converter as load_image_converter
from domain_core.presets.loading import load_preprocessor as load_preprocessor
from domain_core.presets.loading import load_task as load_task
from domain_core.presets.loading import load_tokenizer as load_tokenizer
from domain_core.presets.open_preset import open_preset as open_preset
from domain_core.presets.saving import (
    export_to_transformers as export_to_transformers,
)
from domain_core.presets.saving import save_preset as save_preset
from domain_core.presets.sources import register_source as register_source
from domain_core.presets.transformers.converter import Converter as Converter
from domain_core.presets.transformers.converter import Head as Head
from domain_core.presets.upload import upload_preset as upload_preset
from domain_core.presets.verifying import verify as verify
