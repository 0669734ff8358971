"""PHOTOGRAPH: decode safely, prepare, run the bundle's graph -> class scores, feature, heat map.

Importing this package imports no onnxruntime; a `Classifier` does so at its first call.
"""

from mineralid.vision.bundle import Bundle, BundleError, load_bundle, write_bundle
from mineralid.vision.bundle_spec import BundleSpec, CalibrationSpec, GraphSpec, UnknownSpec
from mineralid.vision.decode import Photo, decode
from mineralid.vision.heatmap import heat_map
from mineralid.vision.photo_error import MAX_PIXELS, MIN_SIDE, PhotoError
from mineralid.vision.prepare import ImageSpec, prepare, prepare_batch, prepare_photo
from mineralid.vision.session import Classifier
from mineralid.vision.stream import ItemScores, stream_each, stream_scores

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE",
    "Bundle",
    "BundleError",
    "BundleSpec",
    "CalibrationSpec",
    "Classifier",
    "GraphSpec",
    "ImageSpec",
    "ItemScores",
    "Photo",
    "PhotoError",
    "UnknownSpec",
    "decode",
    "heat_map",
    "load_bundle",
    "prepare",
    "prepare_batch",
    "prepare_photo",
    "stream_each",
    "stream_scores",
    "write_bundle",
]
