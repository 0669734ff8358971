"""What is known of each mineral: the catalogue and the accepted words of the field tests."""

from mineralid.minerals.catalogue import Catalogue, Source
from mineralid.minerals.errors import CatalogueError, UnknownMineral
from mineralid.minerals.loading import load_catalogue
from mineralid.minerals.mineral import Mineral
from mineralid.minerals.vocabulary import UnknownWord, Vocabulary, load_vocabulary

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Mineral",
    "Source",
    "UnknownMineral",
    "UnknownWord",
    "Vocabulary",
    "load_catalogue",
    "load_vocabulary",
]
