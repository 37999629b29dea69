"""What a careful person would write in Python: read messages, COPY rows, commit, commit offsets.

    python_consumer.py BROKERS TOPIC own|array URL MESSAGES

Ends when it has loaded so many messages. Its place is the group's committed offset, so a crash
between the two commits doubles a batch.
"""
import datetime
import os
import sys

import orjson
import psycopg
from confluent_kafka import Consumer

OWN = "copy coin_records (coin, price, date, instrument, slot, source, revision, recorded_at, capture, currency) from stdin"
ARRAY = "copy coin_records (coin, price, date, instrument, revision, recorded_at) from stdin"
AT_ONCE = 10_000


def price_of(text):
    """orjson reads numbers as floats; their shortest text has the digits that were sent, up to 17."""
    return repr(text)


def put_own(copy, messages):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    for message in messages:
        o = orjson.loads(message.value())
        name = o["coin_name"]
        copy.write_row((name, price_of(o["current_price"]), o["observed_at"], name, o["slot"],
                        o["source"], str(o["revision"]), now, o["capture"], o["currency"]))


def put_array(copy, messages):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    for message in messages:
        at = datetime.datetime.fromtimestamp(message.timestamp()[1] / 1000, datetime.timezone.utc).isoformat()
        for o in orjson.loads(message.value()):
            name = o["coin_name"]
            copy.write_row((name, price_of(o["current_price"]), at, name, "0", now))


def main():
    brokers, topic, form, url, wanted = sys.argv[1:]
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"python-{os.getpid()}",
                         "auto.offset.reset": "earliest", "enable.auto.commit": False,
                         "queued.min.messages": 200_000})
    consumer.subscribe([topic])
    statement, put = (OWN, put_own) if form == "own" else (ARRAY, put_array)
    left = int(wanted)
    with psycopg.connect(url, autocommit=True) as link:
        while left > 0:
            messages = consumer.consume(AT_ONCE, 0.5)
            if not messages:
                continue
            with link.transaction(), link.cursor().copy(statement) as copy:
                put(copy, messages)
            consumer.commit(asynchronous=True)
            left -= len(messages)
    consumer.close()


main()
