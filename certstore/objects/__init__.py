"""Object stores: bytes kept once, under their own SHA-256, for as long as they must be.

`FolderStore` keeps them in a folder, `S3Store` in any S3-compatible service. The S3 client is
imported only when an `S3Store` is made.
"""

from certstore.objects.contract import Listed, ObjectRef, ObjectState, ObjectStore
from certstore.objects.folder import FolderStore
from certstore.objects.links import SignedLinks
from certstore.objects.s3 import S3Store

__all__ = [
    "FolderStore",
    "Listed",
    "ObjectRef",
    "ObjectState",
    "ObjectStore",
    "S3Store",
    "SignedLinks",
]
