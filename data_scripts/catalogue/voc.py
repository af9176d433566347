"""Where Pascal VOC 2012 comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

VOC_SITE = "https://thor.robots.ox.ac.uk/pascal/VOC"
VOC_OLD_SITE = "http://host.robots.ox.ac.uk/pascal/VOC"
VOC_TERMS = "Flickr's terms of use"
_VOC_CITATION = (
    "Everingham, Eslami, Van Gool, Williams, Winn, Zisserman: The Pascal Visual Object Classes Challenge: "
    "A Retrospective. IJCV 111, 2015"
)
DOWNLOAD = Download(
    name="voc2012",
    title="Pascal VOC 2012",
    classes="20 + background",
    splits={"train": 1464, "val": 1449},
    licence=VOC_TERMS,
    page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    citation=_VOC_CITATION,
    notes=("the masks of the 1,456 test images are kept on the organisers' server",),
    files=(
        RemoteFile(
            name="VOCtrainval_11-May-2012.tar",
            urls=(
                f"{VOC_SITE}/voc2012/VOCtrainval_11-May-2012.tar",
                f"{VOC_OLD_SITE}/voc2012/VOCtrainval_11-May-2012.tar",
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
