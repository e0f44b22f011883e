"""Samplers: how the next tokens of a text are chosen."""

from keras_nlp.samplers.beam_sampler import BeamSampler as BeamSampler
from keras_nlp.samplers.contrastive_sampler import (
    ContrastiveSampler as ContrastiveSampler,
)
from keras_nlp.samplers.greedy_sampler import GreedySampler as GreedySampler
from keras_nlp.samplers.random_sampler import RandomSampler as RandomSampler
from keras_nlp.samplers.sampler import Sampler as Sampler
from keras_nlp.samplers.serialization import deserialize as deserialize
from keras_nlp.samplers.serialization import get as get
from keras_nlp.samplers.serialization import serialize as serialize
from keras_nlp.samplers.top_k_sampler import TopKSampler as TopKSampler
from keras_nlp.samplers.top_p_sampler import TopPSampler as TopPSampler
