"""The peers on PySpark, to be run by spark-submit.

    spark_app.py original|own|array BROKERS TOPIC JDBC-URL TABLE CHECKPOINT

original: the earlier pipeline's steps as they are known (each price through a 32-bit float, each
array's elements parsed twice, JDBC as it comes, no checkpoint). own and array: what can be done for
speed: one parse, decimals, batchsize, reWriteBatchedInserts, four partitions. Ends when what the
topic held has been loaded, and says when the last batch was written.
"""
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import current_timestamp, col, explode, from_json
from pyspark.sql.types import (ArrayType, DecimalType, FloatType, IntegerType, StringType,
                               StructField, StructType, TimestampType)

how, brokers, topic, url, table, checkpoint = sys.argv[1:]
PRICE = DecimalType(24, 8)


def fields(**types):
    return StructType([StructField(name, kind) for name, kind in types.items()])


def original(messages):
    item = fields(coin_name=StringType(), current_price=FloatType())
    texts = messages.select(explode(from_json("value", ArrayType(StringType()))).alias("text"), "timestamp")
    rows = texts.select(from_json("text", item).alias("it"), "timestamp").select("it.*", "timestamp")
    return rows.select(col("coin_name").alias("coin"), col("current_price").alias("price"),
                       col("timestamp").alias("date"))


def array(messages):
    item = ArrayType(fields(coin_name=StringType(), current_price=PRICE))
    rows = messages.select(explode(from_json("value", item)).alias("it"), "timestamp")
    return rows.select(col("it.coin_name").alias("coin"), col("it.current_price").alias("price"),
                       col("timestamp").alias("date"), col("it.coin_name").alias("instrument"),
                       current_timestamp().alias("recorded_at"))


def own(messages):
    item = fields(coin_name=StringType(), current_price=PRICE, currency=StringType(), slot=TimestampType(),
                  observed_at=TimestampType(), source=StringType(), revision=IntegerType(), capture=StringType())
    rows = messages.select(from_json("value", item).alias("it")).select("it.*")
    return rows.select(col("coin_name").alias("coin"), col("current_price").alias("price"),
                       col("observed_at").alias("date"), col("coin_name").alias("instrument"), "slot", "source",
                       "revision", current_timestamp().alias("recorded_at"), "capture", "currency")


def main():
    spark = SparkSession.builder.appName("prices").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    source = spark.readStream.format("kafka").option("kafka.bootstrap.servers", brokers)
    source = source.option("subscribe", topic).option("startingOffsets", "earliest")
    if how != "original":
        source = source.option("minPartitions", 4).option("maxOffsetsPerTrigger", 2_000_000)
    messages = source.load().selectExpr("cast(value as string) as value", "timestamp")
    rows = {"original": original, "array": array, "own": own}[how](messages)

    def write(batch, _):
        out = batch.write.format("jdbc").option("url", url).option("dbtable", table)
        if how != "original":
            out = out.option("url", url + "?reWriteBatchedInserts=true&stringtype=unspecified")
            out = out.option("batchsize", 10_000)
        out.option("user", "postgres").option("driver", "org.postgresql.Driver").mode("append").save()
        print("written", time.time(), flush=True)

    writer = rows.writeStream.foreachBatch(write).trigger(availableNow=True)
    if how != "original":
        writer = writer.option("checkpointLocation", checkpoint)
    writer.start().awaitTermination()
    spark.stop()


main()
