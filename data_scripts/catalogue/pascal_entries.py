"""Catalogue entries of the Pascal family: VOC 2012, the Semantic Boundaries on it, and Pascal Context.

Checksums, sizes and addresses are those that torchvision 0.29, the sets' own pages and logs of finished downloads give;
the counts of VOC 2012 are DeepLab's, those of Context are VOC 2010's lists. What nobody states is None, never guessed.
"""

from data_scripts.catalogue.dataset_entry import Dataset, RemoteFile

_VOC = "https://thor.robots.ox.ac.uk/pascal/VOC"
_VOC_OLD = "http://host.robots.ox.ac.uk/pascal/VOC"
_VOC_TERMS = "Flickr's terms of use"
_VOC_CITATION = (
    "Everingham, Eslami, Van Gool, Williams, Winn, Zisserman: The Pascal Visual Object Classes Challenge: "
    "A Retrospective. IJCV 111, 2015"
)
_CONTEXT = "https://www.cs.stanford.edu/~roozbeh/pascal-context"

VOC2012 = Dataset(
    name="voc2012",
    title="Pascal VOC 2012",
    classes="20 + background",
    splits={"train": 1464, "val": 1449},
    licence=_VOC_TERMS,
    page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    citation=_VOC_CITATION,
    notes=("the masks of the 1,456 test pictures are kept on the organisers' server",),
    files=(
        RemoteFile(
            name="VOCtrainval_11-May-2012.tar",
            urls=(
                f"{_VOC}/voc2012/VOCtrainval_11-May-2012.tar",
                f"{_VOC_OLD}/voc2012/VOCtrainval_11-May-2012.tar",
                "https://data.pjreddie.com/files/VOCtrainval_11-May-2012.tar",
            ),
            size=1_999_639_040,
            checksum="md5:6cd6e144f989b92b3379bac3b3de84fd",
            gives=(
                ("VOCdevkit/VOC2012/JPEGImages/*.jpg", None),
                ("VOCdevkit/VOC2012/SegmentationClass/*.png", 2913),
                ("VOCdevkit/VOC2012/SegmentationObject/*.png", 2913),
                ("VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", 1),
            ),
        ),
    ),
)
SBD = Dataset(
    name="sbd",
    title="Semantic Boundaries (SBD)",
    classes="20 + background",
    splits={"train": 8498, "val": 2857},
    licence=None,
    page="http://home.bharathh.info/pubs/codes/SBD/download.html",
    citation="Hariharan, Arbeláez, Bourdev, Maji, Malik: Semantic Contours from Inverse Detectors. ICCV 2011",
    notes=(
        f"its pictures are Pascal VOC's, under {_VOC_TERMS}",
        "train shares pictures with VOC 2012's val; the 5,623 of train_noval.txt do not",
    ),
    files=(
        RemoteFile(
            name="benchmark.tgz",
            urls=(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
            ),
            size=1_419_539_633,
            checksum="md5:82b4d87ceb2ed10f6038a1cba92111cb",
            gives=(
                ("benchmark_RELEASE/dataset/img/*.jpg", 11355),
                ("benchmark_RELEASE/dataset/cls/*.mat", 11355),
                ("benchmark_RELEASE/dataset/inst/*.mat", 11355),
            ),
        ),
        RemoteFile(
            name="train_noval.txt",
            urls=(
                "http://home.bharathh.info/pubs/codes/SBD/train_noval.txt",
                "https://www.cs.cornell.edu/~bharathh/train_noval.txt",
            ),
            checksum="md5:79bff800c5f0b1ec6b21080a3c066722",
            into="benchmark_RELEASE/dataset",
            gives=(("benchmark_RELEASE/dataset/train_noval.txt", 1),),
            optional=True,
        ),
    ),
)
PASCAL_CONTEXT = Dataset(
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
    notes=(f"its pictures are those of Pascal VOC 2010, under {_VOC_TERMS}",),
    files=(
        RemoteFile(
            name="VOCtrainval_03-May-2010.tar",
            urls=(
                f"{_VOC}/voc2010/VOCtrainval_03-May-2010.tar",
                f"{_VOC_OLD}/voc2010/VOCtrainval_03-May-2010.tar",
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
