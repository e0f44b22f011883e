"""From raw samples to batches, and the Keras model that is trained on them."""

from domain_core.pipeline.pipeline_model import PipelineModel

__all__ = ["PipelineModel"]
