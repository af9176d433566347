"""Where SUN RGB-D comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
    name="sunrgbd",
    title="SUN RGB-D",
    classes="37, or 13",
    splits={"train": 5285, "test": 5050},
    licence=None,
    page="https://rgbd.cs.princeton.edu/",
    citation="Song, Lichtenberg, Xiao: SUN RGB-D: A RGB-D Scene Understanding Benchmark Suite. CVPR 2015",
    notes=("images and label maps as PNG from github.com/ankurhanda/sunrgbd-meta-data; labels 1 to 5050 are test",),
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
