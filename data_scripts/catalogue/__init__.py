"""The catalogue: the datasets that the course reads, by the names that its readers have too."""

from data_scripts.catalogue.dataset_entry import Dataset
from data_scripts.catalogue.pascal_entries import PASCAL_CONTEXT, SBD, VOC2012
from data_scripts.catalogue.scene_entries import ADE20K, CITYSCAPES, COCO2017, SUNRGBD
from data_scripts.catalogue.small_entries import CAMVID, NUCLEI, PENN_FUDAN

CATALOGUE: dict[str, Dataset] = {
    entry.name: entry
    for entry in (
        *(VOC2012, SBD, PASCAL_CONTEXT, SUNRGBD, COCO2017, CITYSCAPES, ADE20K),
        *(PENN_FUDAN, CAMVID, NUCLEI),
    )
}


def dataset(name: str) -> Dataset:
    """The entry of this name. Raises ValueError that lists the names there are."""
    if name not in CATALOGUE:
        raise ValueError(f"the dataset must be one of {', '.join(CATALOGUE)}; got {name!r}")
    return CATALOGUE[name]
