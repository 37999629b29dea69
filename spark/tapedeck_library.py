"""libtapedeck_spark.so by ctypes: the functions of src/spark/abi.h, with Arrow's C Data Interface between.

A process opens the store once and keeps it, as Spark uses its Python workers again.
"""
import ctypes
import json
import pathlib
import platform

HERE = pathlib.Path(__file__).resolve().parent
ABI_VERSION = 1
STATUS = ("ok", "unavailable", "malformed", "rejected", "conflict", "corrupt")


class LoadError(Exception):
    """What the library refuses, in its words; `kind` says what a caller can do (abi.h). The mark at the
    beginning outlives the ways in which Spark wraps an error."""

    def __init__(self, kind, what):
        super().__init__(f"tapedeck[{kind}]: {what}")
        self.kind = kind


class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in (
        "next", "messages", "rows", "absorbed", "duplicates", "dead_letters", "outcomes", "batches", "fenced")]

    def as_dict(self):
        return {name: getattr(self, name) for name, _ in self._fields_}


def check_platform(built_for, machine, system, libc):
    """Raises before anything is loaded where the library was built for another kind of machine."""
    has = f"{system} on {machine}, {' '.join(libc) or 'an unknown libc'}"
    needs = f"{built_for['system']} on {built_for['machine']} with glibc {built_for['glibc']} or later"
    fits = system == built_for["system"] and machine == built_for["machine"] and libc[0] == "glibc"
    version = [int(part) for part in libc[1].split(".")[:2]] if fits else []
    if not fits or version < [int(part) for part in built_for["glibc"].split(".")]:
        raise LoadError("rejected", f"the library was built for {needs}, and this is {has}")


def load_library():
    built_for = json.loads((HERE / "platform.json").read_text())
    check_platform(built_for, platform.machine(), platform.system(), platform.libc_ver())
    library = ctypes.CDLL(str(HERE / "libtapedeck_spark.so"))
    if library.tapedeck_abi_version() != ABI_VERSION:
        raise LoadError("rejected", f"the library speaks version {library.tapedeck_abi_version()} of its ABI, "
                                    f"and tapedeck_library.py version {ABI_VERSION}: they are of two archives")
    library.tapedeck_free.argtypes = [ctypes.c_void_p]
    library.tapedeck_free.restype = None
    library.tapedeck_close.argtypes = [ctypes.c_void_p]
    library.tapedeck_close.restype = None
    library.tapedeck_load.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64,
                                      ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.tapedeck_load_array.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64,
                                            ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
                                            ctypes.c_void_p]
    return library


class Session:
    """A store that is open. One thread."""

    def __init__(self, configuration):
        self._library = load_library()
        self._handle = ctypes.c_void_p()
        self._call(self._library.tapedeck_open, configuration.encode(), ctypes.byref(self._handle))

    def close(self):
        handle, self._handle = self._handle, ctypes.c_void_p()
        self._library.tapedeck_close(handle)

    def begin(self, facts):
        return self._ask(self._library.tapedeck_begin, facts)

    def ledger(self, partitions):
        return self._ask(self._library.tapedeck_ledger, {"partitions": partitions})

    def load(self, topic, partition, start, until, schema, batches):
        """Loads the record batches, which are all messages of the partition in [start, until)."""
        import pyarrow
        reader = pyarrow.RecordBatchReader.from_batches(schema, batches)
        stream = (ctypes.c_void_p * 5)()
        reader._export_to_c(ctypes.addressof(stream))
        counts = Counts()
        self._call(self._library.tapedeck_load, self._handle, topic.encode(), partition, start, until,
                   ctypes.byref(stream), ctypes.byref(counts))
        return counts.as_dict()

    def pass_over(self, topic, partition, start, until):
        """The same for a range in which there is no message."""
        counts = Counts()
        self._call(self._library.tapedeck_load_array, self._handle, topic.encode(), partition, start, until,
                   None, None, ctypes.byref(counts))
        return counts.as_dict()

    def _take(self, text):
        try:
            return ctypes.string_at(text.value).decode() if text.value else ""
        finally:
            self._library.tapedeck_free(text)

    def _call(self, function, *arguments):
        message = ctypes.c_void_p()
        status = function(*arguments, ctypes.byref(message))
        what = self._take(message)
        if status != 0:
            raise LoadError(STATUS[status], what)

    def _ask(self, function, question):
        answer = ctypes.c_void_p()
        self._call(function, self._handle, json.dumps(question).encode(), ctypes.byref(answer))
        return json.loads(self._take(answer))


_open = {}


def session(configuration):
    """This process's session; another configuration closes the one before."""
    if configuration not in _open:
        forget()
        _open[configuration] = Session(configuration)
    return _open[configuration]


def forget():
    while _open:
        _open.popitem()[1].close()
