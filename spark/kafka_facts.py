"""What the broker holds, asked by Kafka's own Java client in the driver's JVM: nothing more to install."""


class Broker:
    def __init__(self, jvm, properties):
        self._jvm = jvm
        self._clients = jvm.org.apache.kafka.clients.admin
        settings = jvm.java.util.Properties()
        for name, value in properties.items():
            settings.setProperty(name, value)
        self._admin = self._clients.Admin.create(settings)

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

    def facts(self, topics, starts):
        """What tapedeck_begin is told (src/spark/abi.h). `starts`: as `tapedeck load --from` takes them, with
        the time of each topic's start in milliseconds where it is one."""
        partitions = self.partitions(topics)
        earliest, end = self.offsets(partitions, "earliest"), self.offsets(partitions, "end")
        at_time = {}
        for topic in topics:
            when = starts.get(topic, starts.get(""))
            mine = [at for at in partitions if at[0] == topic]
            if isinstance(when, int) and mine:
                at_time |= self.offsets(mine, when)
        rows = []
        for at in partitions:
            row = {"topic": at[0], "partition": at[1], "earliest": earliest[at], "end": end[at]}
            if at in at_time:
                row["at_time"] = end[at] if at_time[at] is None else at_time[at]
            rows.append(row)
        return {"partitions": rows}
