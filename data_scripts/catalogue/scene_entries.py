"""Catalogue entries of whole scenes and of photographs with objects: SUN RGB-D, COCO, Cityscapes, ADE20K.

Checksums are those of GluonCV's scripts and of several unrelated projects that agree; sizes are from logs of finished
downloads; the counts are those of the sets' own pages. What nobody states is None, never guessed.
"""

from data_scripts.catalogue.dataset_entry import Dataset, RemoteFile

SUNRGBD = Dataset(
    name="sunrgbd",
    title="SUN RGB-D",
    classes="37, or 13",
    splits={"train": 5285, "test": 5050},
    licence=None,
    page="https://rgbd.cs.princeton.edu/",
    citation="Song, Lichtenberg, Xiao: SUN RGB-D: A RGB-D Scene Understanding Benchmark Suite. CVPR 2015",
    notes=("pictures and label maps as PNG from github.com/ankurhanda/sunrgbd-meta-data; labels 1 to 5050 are test",),
    files=(
        RemoteFile(
            name="SUNRGBD-train_images.tgz",
            urls=("http://www.doc.ic.ac.uk/~ahanda/SUNRGBD-train_images.tgz",),
            into="SUNRGBD-train_images",
            gives=(("SUNRGBD-train_images/*.jpg", 5285),),
        ),
        RemoteFile(
            name="SUNRGBD-test_images.tgz",
            urls=("http://www.doc.ic.ac.uk/~ahanda/SUNRGBD-test_images.tgz",),
            into="SUNRGBD-test_images",
            gives=(("SUNRGBD-test_images/*.jpg", 5050),),
        ),
        RemoteFile(
            name="sunrgbd_train_test_labels.tar.gz",
            urls=("https://github.com/ankurhanda/sunrgbd-meta-data/raw/master/sunrgbd_train_test_labels.tar.gz",),
            into="sunrgbd_train_test_labels",
            gives=(("sunrgbd_train_test_labels/*.png", 10335),),
        ),
    ),
)
COCO2017 = Dataset(
    name="coco2017",
    title="Microsoft COCO 2017",
    classes="80 things, 91 stuff",
    splits={"train": 118_287, "val": 5000},
    licence="CC BY 4.0; photographs Flickr's terms",
    page="https://cocodataset.org/",
    citation=(
        "Lin, Maire, Belongie, Bourdev, Girshick, Hays, Perona, Ramanan, Zitnick, Dollár: Microsoft COCO: Common "
        "Objects in Context. ECCV 2014"
    ),
    notes=("for a small start: --only val2017.zip annotations_trainval2017.zip",),
    files=(
        RemoteFile(
            name="train2017.zip",
            urls=(
                "http://images.cocodataset.org/zips/train2017.zip",
                "https://s3.amazonaws.com/fast-ai-coco/train2017.zip",
            ),
            size=19_336_861_798,
            checksum="md5:cced6f7f71b7629ddf16f17bbcfab6b2",
            gives=(("train2017/*.jpg", 118_287),),
        ),
        RemoteFile(
            name="val2017.zip",
            urls=(
                "http://images.cocodataset.org/zips/val2017.zip",
                "https://s3.amazonaws.com/fast-ai-coco/val2017.zip",
            ),
            size=815_585_330,
            checksum="md5:442b8da7639aecaf257c1dceb8ba8c80",
            gives=(("val2017/*.jpg", 5000),),
        ),
        RemoteFile(
            name="annotations_trainval2017.zip",
            urls=("http://images.cocodataset.org/annotations/annotations_trainval2017.zip",),
            size=252_907_541,
            checksum="md5:f4bbac642086de4f52a3fdda2de5fa2c",
            gives=(("annotations/instances_train2017.json", 1), ("annotations/instances_val2017.json", 1)),
        ),
        RemoteFile(
            name="stuffthingmaps_trainval2017.zip",
            urls=(
                "http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/stuffthingmaps_trainval2017.zip",
            ),
            into="stuffthingmaps",
            gives=(("stuffthingmaps/train2017/*.png", 118_287), ("stuffthingmaps/val2017/*.png", 5000)),
            optional=True,
        ),
        RemoteFile(
            name="stuff_annotations_trainval2017.zip",
            urls=("http://images.cocodataset.org/annotations/stuff_annotations_trainval2017.zip",),
            size=1_148_688_564,
            gives=(("annotations/stuff_train2017.json", 1), ("annotations/stuff_val2017.json", 1)),
            optional=True,
        ),
    ),
)
CITYSCAPES = Dataset(
    name="cityscapes",
    title="Cityscapes, fine annotations",
    classes="19, 8 with instances",
    splits={"train": 2975, "val": 500, "test": 1525},
    licence="its own, on registering",
    page="https://www.cityscapes-dataset.com/",
    citation=(
        "Cordts, Omran, Ramos, Rehfeld, Enzweiler, Benenson, Franke, Roth, Schiele: The Cityscapes Dataset for "
        "Semantic Urban Scene Understanding. CVPR 2016"
    ),
    registration="register at https://www.cityscapes-dataset.com/register/ and take the files from its downloads",
    notes=("the test split has no public annotations"),
    files=(
        RemoteFile(
            name="leftImg8bit_trainvaltest.zip",
            size=11_592_327_197,
            gives=(
                ("leftImg8bit/train/*/*_leftImg8bit.png", 2975),
                ("leftImg8bit/val/*/*_leftImg8bit.png", 500),
            ),
        ),
        RemoteFile(
            name="gtFine_trainvaltest.zip",
            size=252_567_705,
            gives=(
                ("gtFine/train/*/*_gtFine_labelIds.png", 2975),
                ("gtFine/val/*/*_gtFine_labelIds.png", 500),
                ("gtFine/train/*/*_gtFine_instanceIds.png", 2975),
                ("gtFine/val/*/*_gtFine_instanceIds.png", 500),
            ),
        ),
    ),
)
ADE20K = Dataset(
    name="ade20k",
    title="ADE20K, SceneParse150",
    classes="150",
    splits={"train": 20_210, "val": 2000},
    licence="BSD 3-Clause",
    page="http://sceneparsing.csail.mit.edu/",
    citation="Zhou, Zhao, Puig, Fidler, Barriuso, Torralba: Scene Parsing through ADE20K Dataset. CVPR 2017",
    notes=(
        "the full ADE20K, with 3,688 categories and parts, is given on request: groups.csail.mit.edu/vision/datasets",
    ),
    files=(
        RemoteFile(
            name="ADEChallengeData2016.zip",
            urls=("http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",),
            size=967_382_037,
            checksum="sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",
            gives=(
                ("ADEChallengeData2016/images/training/*.jpg", 20_210),
                ("ADEChallengeData2016/images/validation/*.jpg", 2000),
                ("ADEChallengeData2016/annotations/training/*.png", 20_210),
                ("ADEChallengeData2016/annotations/validation/*.png", 2000),
            ),
        ),
        RemoteFile(
            name="release_test.zip",
            urls=("http://data.csail.mit.edu/places/ADEchallenge/release_test.zip",),
            checksum="sha1:e05747892219d10e9243933371a497e905a4860c",
            gives=(("release_test/testing/*.jpg", None),),
            optional=True,
        ),
    ),
)
