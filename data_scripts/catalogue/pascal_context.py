"""Where Pascal Context comes from."""

from data_scripts.catalogue.voc import VOC_OLD_SITE, VOC_SITE, VOC_TERMS
from data_scripts.fetch.remote import Download, RemoteFile

_CONTEXT = "https://www.cs.stanford.edu/~roozbeh/pascal-context"
DOWNLOAD = Download(
    name="pascal_context",
    title="Pascal Context",
    classes="59 + background, or 459",
    splits={"train": 4998, "val": 5105},
    licence=None,
    page=f"{_CONTEXT}/",
    citation=(
        "Mottaghi, Chen, Liu, Cho, Lee, Fidler, Urtasun, Yuille: The Role of Context for Object Detection and Semantic "
        "Segmentation in the Wild. CVPR 2014"
    ),
    notes=(f"its images are those of Pascal VOC 2010, under {VOC_TERMS}",),
    files=(
        RemoteFile(
            name="VOCtrainval_03-May-2010.tar",
            urls=(
                f"{VOC_SITE}/voc2010/VOCtrainval_03-May-2010.tar",
                f"{VOC_OLD_SITE}/voc2010/VOCtrainval_03-May-2010.tar",
            ),
            checksum="md5:da459979d0c395079b5c75ee67908abb",
            gives=(("VOCdevkit/VOC2010/JPEGImages/*.jpg", None), ("VOCdevkit/VOC2010/ImageSets/Main/train.txt", 1)),
        ),
        RemoteFile(
            name="trainval.tar.gz",
            urls=(f"{_CONTEXT}/trainval.tar.gz",),
            gives=(("trainval/*.mat", 10103), ("labels.txt", 1)),
        ),
    ),
)
