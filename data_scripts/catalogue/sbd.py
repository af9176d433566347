"""Where Semantic Boundaries (SBD) comes from."""

from data_scripts.catalogue.voc import VOC_TERMS
from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
    name="sbd",
    title="Semantic Boundaries (SBD)",
    classes="20 + background",
    splits={"train": 8498, "val": 2857},
    licence=None,
    page="http://home.bharathh.info/pubs/codes/SBD/download.html",
    citation="Hariharan, Arbeláez, Bourdev, Maji, Malik: Semantic Contours from Inverse Detectors. ICCV 2011",
    notes=(
        f"its images are Pascal VOC's, under {VOC_TERMS}",
        "train shares images with VOC 2012's val; the 5,623 of train_noval.txt do not",
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
