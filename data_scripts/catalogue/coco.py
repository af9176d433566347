"""Where Microsoft COCO 2017 comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
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
