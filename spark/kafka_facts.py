"""What the broker holds, asked by Kafka's own Java client in the driver's JVM: nothing more to install."""
import bisect
import hashlib
import time

REACH = 64     # offsets before the ledger: right before it there may be marks of transactions
PATIENCE = 60  # seconds


class Broker:
    def __init__(self, jvm, properties):
        self._jvm = jvm
        self._clients = jvm.org.apache.kafka.clients.admin
        self._properties = properties
        self._admin = self._clients.Admin.create(self._settings({}))

    def _settings(self, more):
        settings = self._jvm.java.util.Properties()
        for name, value in {**self._properties, **more}.items():
            settings.setProperty(name, value)
        return settings

    def close(self):
        self._admin.close()

    def identity(self):
        return "kafka:" + self._admin.describeCluster().clusterId().get()

    def partitions(self, topics):
        """The (topic, partition) of those topics that are there."""
        there = self._admin.listTopics().names().get()
        names = self._jvm.java.util.ArrayList()
        for topic in topics:
            if there.contains(topic):
                names.add(topic)
        described = self._admin.describeTopics(names).allTopicNames().get()
        return sorted((topic, part.partition()) for topic in names for part in described.get(topic).partitions())

    def offsets(self, partitions, when):
        """By partition: the offset of "earliest", "end", or a time in milliseconds (None: no such message)."""
        if when == "earliest":
            spec = self._clients.OffsetSpec.earliest()
        elif when == "end":
            spec = self._clients.OffsetSpec.latest()
        else:
            spec = self._clients.OffsetSpec.forTimestamp(when)
        asked = self._jvm.java.util.HashMap()
        for topic, partition in partitions:
            asked.put(self._jvm.org.apache.kafka.common.TopicPartition(topic, partition), spec)
        committed = self._jvm.org.apache.kafka.common.IsolationLevel.READ_COMMITTED
        options = self._clients.ListOffsetsOptions(committed)
        found = self._admin.listOffsets(asked, options).all().get()
        answer = {}
        for entry in found.entrySet():
            offset = entry.getValue().offset()
            answer[entry.getKey().topic(), entry.getKey().partition()] = offset if offset >= 0 else None
        return answer

    def last_before(self, spans):
        """By partition: offset and SHA-256 of the last message in [from, to). Kafka's own consumer holds every
        timestamp, which Spark's source does not, so that a message of any kind may be compared."""
        bytes_of = "org.apache.kafka.common.serialization.ByteArrayDeserializer"
        consumer = self._jvm.org.apache.kafka.clients.consumer.KafkaConsumer(self._settings({
            "key.deserializer": bytes_of, "value.deserializer": bytes_of, "isolation.level": "read_committed",
            "enable.auto.commit": "false", "fetch.max.bytes": str(8 << 20), "auto.offset.reset": "none"}))
        found, end = {}, time.monotonic() + PATIENCE
        try:
            waiting = {at: self._jvm.org.apache.kafka.common.TopicPartition(*at) for at in spans}
            assigned = self._jvm.java.util.ArrayList()
            for place in waiting.values():
                assigned.add(place)
            consumer.assign(assigned)
            for at, place in waiting.items():
                consumer.seek(place, spans[at][0])
            while waiting:
                if time.monotonic() > end:
                    raise TimeoutError("the broker does not give the messages before the ledger")
                polled = consumer.poll(self._jvm.java.time.Duration.ofMillis(500))
                for at, place in list(waiting.items()):
                    records = polled.records(place)
                    below = bisect.bisect_left(range(records.size()), spans[at][1],
                                               key=lambda index: records.get(index).offset())
                    if below > 0:
                        last = records.get(below - 1)
                        found[at] = (last.offset(), hashlib.sha256(last.value() or b"").hexdigest())
                    if consumer.position(place) >= spans[at][1]:
                        del waiting[at]
        finally:
            consumer.close()
        return found

    def facts(self, topics, starts, ledger):
        """What tapedeck_begin is told (src/spark/abi.h). `starts`: as `tapedeck load --from` takes them, with
        the time of each topic's start in milliseconds where it is one. `ledger`: as it was before."""
        partitions = self.partitions(topics)
        earliest, end = self.offsets(partitions, "earliest"), self.offsets(partitions, "end")
        at_time = {}
        for topic in topics:
            when = starts.get(topic, starts.get(""))
            mine = [at for at in partitions if at[0] == topic]
            if isinstance(when, int) and mine:
                at_time |= self.offsets(mine, when)
        spans = {at: (max(earliest[at], next_offset - REACH), min(next_offset, end[at]))
                 for at, next_offset in ledger.items() if at in earliest}
        last = self.last_before({at: span for at, span in spans.items() if span[0] < span[1]})
        rows = []
        for at in partitions:
            row = {"topic": at[0], "partition": at[1], "earliest": earliest[at], "end": end[at],
                   "ledger": ledger.get(at, 0)}
            if at in last:
                row["last"] = {"offset": last[at][0], "sha256": last[at][1]}
            if at in at_time:
                row["at_time"] = end[at] if at_time[at] is None else at_time[at]
            rows.append(row)
        return {"partitions": rows}
