"""Loads prices from Kafka into PostgreSQL on a Spark cluster, exactly once: docs/spark.md.

    spark-submit --archives tapedeck-spark.tar.gz#tapedeck --packages CONNECTOR app.py \\
        KAFKA_SERVER COIN_TOPIC STOCK_TOPIC RDS_URL RDS_USER RDS_PW RDS_TABLE_COIN RDS_TABLE_STOCK

Each executor hands what Spark has read to tapedeck's own library; the ledger in the database, and never
Spark's checkpoint, says where to go on. RDS_PW may be file:PATH or env:NAME, so that no list of processes
shows the password. A driver that is started again, or `tapedeck load`, goes on where this one was killed.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

OLDEST = (4, 1)
ARCHIVE = "tapedeck"                   # what --archives calls it: FILE#tapedeck
ACCOUNTS = "tapedeck_outcomes"         # the topic of what became of each run
SPLITTERS = ("minpartitions", "maxrecordsperpartition")
FOR_A_PERSON = ("rejected", "malformed", "corrupt")
LONGEST_REST = 30                      # seconds between two starts after errors
LOOK_AT_TOPICS = 60                    # seconds between two looks for topics that are new


def fail(what):
    print(f"tapedeck: {what}", file=sys.stderr)
    sys.exit(1)


def check_version(version):
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        fail(f"this is Spark {version}, and 4.1 is the oldest that can hand Arrow batches to a writer "
             "(DataSourceStreamArrowWriter); `tapedeck load` needs no Spark")


def secret_of(text):
    """The password, which may be said as a file or as a name of the driver's environment."""
    if text.startswith("file:"):
        return pathlib.Path(text[5:]).read_text(encoding="utf-8").removesuffix("\n")
    if text.startswith("env:"):
        if text[4:] not in os.environ:
            fail(f"the environment has no {text[4:]}")
        return os.environ[text[4:]]
    return text


def properties_of(path):
    """NAME=VALUE lines, as Kafka's own clients have them; # begins a comment."""
    lines = (line.strip() for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def milliseconds_of(text):
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return -((epoch - when) // datetime.timedelta(milliseconds=1))  # the first that is not before


def starts_of(choices):
    """Where each topic begins, "" for those without one of their own: a word, or a time in milliseconds."""
    starts = {}
    for choice in choices:
        topic, _, where = choice.rpartition("=")
        starts[topic] = where if where in ("start", "end") else milliseconds_of(where)
    return starts


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="app.py", description=__doc__.splitlines()[0])
    for name in ("kafka_server", "coin_topic", "stock_topic", "rds_url", "rds_user", "rds_pw", "rds_table_coin",
                 "rds_table_stock"):
        parser.add_argument(name, metavar=name.upper())
    add = parser.add_argument
    add("--kafka-properties", metavar="FILE", help="TLS and login, as a client.properties has them")
    add("--source-option", metavar="NAME=VALUE", action="append", default=[], help="of Spark's Kafka source")
    add("--max-offsets", type=int, default=600_000, help="messages of one micro-batch (maxOffsetsPerTrigger)")
    add("--trigger", default="1 second", help="the least time between two micro-batches")
    add("--until-end", action="store_true", help="end once what the topics held at the start is loaded")
    add("--from", dest="starts", metavar="[TOPIC=]TIME|start|end", action="append", default=[],
        help="where loading begins, of topics of which nothing is loaded yet")
    add("--checkpoints", metavar="FOLDER", default=None, help="of this machine, for each start's own notes")
    add("--deployment", default="", help="refuse a store that is not this deployment's")
    add("--log", default="warn", choices=["debug", "info", "warn", "error"])
    add("--give-up-after", type=int, default=120, help="tries of one transaction, a second apart, in one task")
    options = parser.parse_args(arguments)
    source = dict(pair.split("=", 1) for pair in options.source_option)
    split = [name for name in source if name.lower() in SPLITTERS]
    if split:
        parser.error(f"{split[0]} would split a partition of Kafka over tasks, and its ledger has one row")
    options.source_option = source
    options.kafka = properties_of(options.kafka_properties) if options.kafka_properties else {}
    return options


def configuration_of(options, identity, topics, loader):
    tables = {options.coin_topic: (options.rds_table_coin, "coin"),
              options.stock_topic: (options.rds_table_stock, "stock")}
    rows = [{"topic": topic, "table": tables[topic][0], "form": tables[topic][1]} if topic in tables
            else {"topic": topic} for topic in topics]
    return json.dumps({"version": 1, "store": options.rds_url, "user": options.rds_user,
                       "password": secret_of(options.rds_pw), "tape": {"identity": identity, "place": "kafka://"
                                                             + options.kafka_server},
                       "topics": rows, "deployment": options.deployment, "loader": loader, "log": options.log,
                       "give_up_after": options.give_up_after})


def offsets_in(path):
    """The offsets of a file of Spark's offset log: by topic and partition, the end of a micro-batch."""
    last = path.read_text(encoding="utf-8").splitlines()[-1]
    return {(topic, int(partition)): offset for topic, partitions in json.loads(last).items()
            for partition, offset in partitions.items()}


def ranges_of(checkpoint, starts):
    """[from, until) of each partition in the micro-batch that is under way: Spark writes its end to
    offsets/N before it plans the writing, and the batch before has ended at offsets/N-1. A partition that
    came since then begins at 0, which Spark makes sure of itself (failOnDataLoss)."""
    log = pathlib.Path(checkpoint) / "offsets"
    batches = sorted(int(entry.name) for entry in log.glob("*") if entry.name.isdigit()) if log.is_dir() else []
    if not batches:
        return {}
    before = log / str(batches[-1] - 1)
    begin = offsets_in(before) if batches[-1] > 0 else starts
    return {at: (begin.get(at, 0), until) for at, until in offsets_in(log / str(batches[-1])).items()}


def silent_ranges(ranges, places):
    """Of a micro-batch, the ranges in which there was no message. `places`: what each task has loaded, None
    for one that saw nothing. Never more of them than such tasks: what a task has loaded and could not tell
    must not be passed over."""
    told = {at for at in places if at}
    silent = {at: span for at, span in ranges.items() if at not in told and span[0] < span[1]}
    return silent if len(silent) <= len(places) - len(told) else {}


def make_source(configuration, checkpoint, starts, archive):
    """The sink as Spark knows it. What it needs goes with the class to every process, never through the
    options of the query, which Spark's pages show."""
    from pyspark.sql.datasource import DataSource, DataSourceStreamArrowWriter, WriterCommitMessage

    class Told(WriterCommitMessage):
        def __init__(self, at, counts):
            self.at, self.counts = at, counts

    class Writer(DataSourceStreamArrowWriter):
        def __init__(self):
            self.ranges = ranges_of(checkpoint, starts)

        def write(self, iterator):
            from pyspark import SparkFiles
            if SparkFiles.get(ARCHIVE) not in sys.path:
                sys.path.insert(0, SparkFiles.get(ARCHIVE))
            import tapedeck_library as library

            filled = (batch for batch in iterator if batch.num_rows > 0)
            first = next(filled, None)
            if first is None:  # marks of transactions alone: of which partition, only commit() can tell
                return Told(None, {})
            at = first.column("topic")[0].as_py(), first.column("partition")[0].as_py()
            if at not in self.ranges:
                raise library.LoadError("conflict", f"the micro-batch's own notes do not name {at[0]}[{at[1]}]")

            def batches():
                yield first
                yield from filled

            try:
                counts = library.session(configuration).load(*at, *self.ranges[at], first.schema, batches())
            except BaseException:
                library.forget()
                raise
            return Told(at, counts)

        def commit(self, messages, batchId):
            """Makes no row visible, as it may run twice or never: what is loaded the ledger knows. Passes
            over ranges in which no task saw a message, so that the next batch finds the ledger at its
            beginning; where the ledger is there already, that does nothing."""
            silent = silent_ranges(self.ranges, [message.at for message in messages if message is not None])
            counts = [message.counts for message in messages if message is not None and message.at]
            if silent:
                if archive not in sys.path:
                    sys.path.insert(0, archive)
                import tapedeck_library as library
                for at, span in silent.items():
                    library.session(configuration).pass_over(*at, *span)
            total = {name: sum(one[name] for one in counts) for name in ("messages", "rows", "dead_letters")}
            print(f"tapedeck: batch {batchId}: {json.dumps(total)}", file=sys.stderr, flush=True)

    class Source(DataSource):
        @classmethod
        def name(cls):
            return "tapedeck"

        def streamWriter(self, schema, overwrite):
            return Writer()

    return Source


class Loading:
    """One application: starts the query at the ledger, and again whenever that has to be."""

    def __init__(self, spark, options):
        from pyspark import SparkFiles
        self.spark, self.options = spark, options
        self.archive = SparkFiles.get(ARCHIVE)
        if not (pathlib.Path(self.archive) / "tapedeck_library.py").exists():
            fail(f"the library is missing: give spark-submit --archives tapedeck-spark.tar.gz#{ARCHIVE}")
        sys.path.insert(0, self.archive)
        self.topics = [topic for topic in (options.coin_topic, options.stock_topic, ACCOUNTS) if topic]
        properties = {"bootstrap.servers": options.kafka_server, **options.kafka}
        import kafka_facts
        self.broker = kafka_facts.Broker(spark._jvm, properties)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-", dir=options.checkpoints))
        self.started = 0

    def begin(self):
        """What is said to the store before anything is read; the configuration, and where reading starts."""
        import tapedeck_library as library
        loader = f"spark {self.spark.sparkContext.applicationId}"
        configuration = configuration_of(self.options, self.broker.identity(), self.topics, loader)
        session = library.Session(configuration)
        try:
            # The ledger first: another loader may be at work, and be past what the broker says before.
            places = [{"topic": topic, "partition": number} for topic, number in self.broker.partitions(self.topics)]
            known = {(one["topic"], one["partition"]): one["ledger"] for one in session.ledger(places)["partitions"]}
            facts = self.broker.facts(self.topics, starts_of(self.options.starts), known)
            facts["from"] = self.options.starts
            begun = session.begin(facts)
        finally:
            session.close()
        if begun["gaps"]:
            print(f"tapedeck: {begun['gaps']} messages were gone before they were loaded: `tapedeck gaps`",
                  file=sys.stderr)
        return configuration, {(one["topic"], one["partition"]): one["start"] for one in begun["partitions"]}

    def start(self):
        configuration, starts = self.begin()
        if not starts:
            raise RuntimeError("the broker has none of the topics " + ", ".join(self.topics))
        self.started += 1
        checkpoint = self.folder / str(self.started)
        self.spark.dataSource.register(make_source(configuration, str(checkpoint), starts, self.archive))
        nested = {}
        for (topic, partition), offset in starts.items():
            nested.setdefault(topic, {})[str(partition)] = offset
        reader = self.spark.readStream.format("kafka").options(**{
            "kafka.isolation.level": "read_committed", "maxOffsetsPerTrigger": str(self.options.max_offsets),
            **self.options.source_option, **{f"kafka.{name}": value for name, value in self.options.kafka.items()},
            "kafka.bootstrap.servers": self.options.kafka_server, "subscribe": ",".join(sorted(nested)),
            "startingOffsets": json.dumps(nested), "failOnDataLoss": "true"})
        messages = reader.load().select("topic", "partition", "offset", "timestamp", "key", "value")
        tables = {self.options.coin_topic: self.options.rds_table_coin,
                  self.options.stock_topic: self.options.rds_table_stock}
        name = "tapedeck: " + ", ".join(f"{topic} into {tables.get(topic, 'outcomes')}" for topic in sorted(nested))
        when = {"availableNow": True} if self.options.until_end else {"processingTime": self.options.trigger}
        return sorted(nested), (messages.writeStream.format("tapedeck").queryName(name).trigger(**when)
                                .option("checkpointLocation", checkpoint.as_uri()).start())

    def has_other(self, topics):
        """Whether the topics that there are, are others than these; a broker that is away Spark notices itself."""
        try:
            return sorted({at[0] for at in self.broker.partitions(self.topics)}) != topics
        except Exception as error:
            print(f"tapedeck: the broker does not say which topics it has: {explained(str(error))[0]}",
                  file=sys.stderr)
            return False

    def run(self):
        """Until the end, with --until-end; else for ever."""
        rest = 1
        while True:
            began, query = time.monotonic(), None
            try:
                topics, query = self.start()
                while not query.awaitTermination(LOOK_AT_TOPICS):
                    if self.has_other(topics):
                        break
                else:
                    return
            except Exception as error:  # whatever ends a query: what to do about it is in its text
                what, is_final = explained(str(error))
                if is_final:
                    fail(what)
                rest = 1 if time.monotonic() - began > LONGEST_REST else min(2 * rest, LONGEST_REST)
                print(f"tapedeck: begins again at the ledger in {rest} s: {what}", file=sys.stderr)
                time.sleep(rest)
            if query is not None and query.isActive:
                query.stop()
            shutil.rmtree(self.folder / str(self.started), ignore_errors=True)

    def close(self):
        self.broker.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def explained(text):
    """What ended a query, in a sentence; and whether beginning again cannot help."""
    if re.search(r"ArithmeticException|long overflow|DateTimeException|timestamp value -?\d+ that overflows", text):
        return ("Spark's own Kafka source cannot read the timestamp of a message, before tapedeck sees it: let "
                "`tapedeck load` carry the partition past it, then start Spark again"), True
    own = re.search(r"tapedeck\[(\w+)\]: ([^\n]*)", text)
    if own:
        return own.group(2), own.group(1) in FOR_A_PERSON
    lines = [line.strip(" :") for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.$]+(Exception|Error)\b", line)]
    return ((named or lines or ["no word of why"])[0]), False


def main(arguments):
    import pyspark
    check_version(pyspark.__version__)
    options = options_of(arguments)
    from pyspark.conf import SparkConf
    from pyspark.sql import SparkSession
    conf = SparkConf()
    for name, value in {"spark.app.name": "tapedeck", "spark.sql.streaming.offsetLog.formatVersion": "1",
                        "spark.sql.execution.arrow.maxBytesPerBatch": str(4 * 1024 * 1024),
                        "spark.python.worker.faulthandler.enabled": "true",
                        "spark.sql.redaction.options.regex": "(?i)url|secret|password|token|jaas|access[.]?key",
                        }.items():
        conf.setIfMissing(name, value)
    spark = SparkSession.builder.config(conf=conf).getOrCreate()
    check_version(spark.version)
    loading = Loading(spark, options)
    try:
        loading.run()
    finally:
        loading.close()
        spark.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
