"""What the application decides by itself, without Spark: its arguments, ranges, and what an error asks for."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "spark"))
import app  # noqa: E402
import tapedeck_library  # noqa: E402

ORIGINAL = ["kafka:9092", "coins", "stocks", "jdbc:postgresql://db/market", "anna", "pw", "coin_records", "stock_records"]


class Application(unittest.TestCase):
    def refused(self, call):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
            call()
        return ended.exception.code, said.getvalue()

    def test_takes_the_originals_arguments_alone(self):
        options = app.options_of(ORIGINAL)
        self.assertEqual((options.coin_topic, options.rds_table_stock), ("coins", "stock_records"))
        told = json.loads(app.configuration_of(options, "kafka:id", ["coins", "stocks", app.ACCOUNTS], "spark a"))
        self.assertEqual(told["topics"], [{"topic": "coins", "table": "coin_records", "form": "coin"},
                                          {"topic": "stocks", "table": "stock_records", "form": "stock"},
                                          {"topic": "tapedeck_outcomes"}])
        self.assertEqual((told["user"], told["password"]), ("anna", "pw"))

    def test_reads_a_password_from_a_file_or_the_environment(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("pa$$w0rd\n")
            file.flush()
            self.assertEqual(app.secret_of(f"file:{file.name}"), "pa$$w0rd")
        app.os.environ["TAPEDECK_APP_TEST"] = "in the environment"
        self.assertEqual(app.secret_of("env:TAPEDECK_APP_TEST"), "in the environment")
        code, said = self.refused(lambda: app.secret_of("env:TAPEDECK_NO_SUCH_NAME"))
        self.assertEqual((code, said), (1, "tapedeck: the environment has no TAPEDECK_NO_SUCH_NAME\n"))

    def test_refuses_what_splits_a_partition(self):
        for name in ("minPartitions", "maxRecordsPerPartition", "MINPARTITIONS"):
            code, said = self.refused(lambda name=name: app.options_of([*ORIGINAL, "--source-option", f"{name}=9"]))
            self.assertEqual(code, 2)
            self.assertIn(f"{name} would split a partition", said)

    def test_says_which_spark_is_too_old(self):
        for version in ("4.1.0", "4.2.0", "5.0.0-preview1", "10.0"):
            app.check_version(version)
        for version in ("3.5.1", "4.0.2"):
            code, said = self.refused(lambda version=version: app.check_version(version))
            self.assertEqual(code, 1)
            self.assertIn(f"this is Spark {version}, and 4.1 is the oldest", said)

    def test_finds_the_range_of_the_micro_batch_that_is_under_way(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "offsets"
            starts = {("coins", 0): 36, ("coins", 1): 0}
            self.assertEqual(app.ranges_of(folder, starts), {})
            log.mkdir()
            ends = {"0": {"coins": {"0": 100, "1": 5}}, "9": {"coins": {"0": 250, "1": 5}},
                    "10": {"coins": {"0": 300, "1": 5, "2": 7}}}
            for name, offsets in ends.items():
                (log / name).write_text(f'v1\n{{"batchWatermarkMs":0}}\n{json.dumps(offsets)}')
            (log / ".10.crc").write_text("no batch")
            self.assertEqual(app.ranges_of(folder, starts),
                             {("coins", 0): (250, 300), ("coins", 1): (5, 5), ("coins", 2): (0, 7)})
            (log / "9").unlink()
            (log / "10").unlink()
            self.assertEqual(app.ranges_of(folder, starts), {("coins", 0): (36, 100), ("coins", 1): (0, 5)})

    def test_passes_over_no_more_ranges_than_tasks_that_saw_nothing(self):
        ranges = {("coins", 0): (5, 9), ("coins", 1): (7, 8), ("coins", 2): (3, 3)}
        self.assertEqual(app.silent_ranges(ranges, [("coins", 0), None]), {("coins", 1): (7, 8)})
        self.assertEqual(app.silent_ranges(ranges, [("coins", 0), ("coins", 1)]), {})
        self.assertEqual(app.silent_ranges(ranges, [None, None, None]), {("coins", 0): (5, 9), ("coins", 1): (7, 8)})
        self.assertEqual(app.silent_ranges(ranges, [("coins", 0)]), {}, "a task's word was lost")

    def test_knows_where_loading_is_to_begin(self):
        self.assertEqual(app.starts_of(["end", "coins=2026-11-24T14:15:00.0005Z", "stocks=start"]),
                         {"": "end", "coins": 1795529700001, "stocks": "start"})

    def test_tells_what_a_person_has_to_decide_from_what_passes(self):
        wrapped = "org.apache.spark.SparkException: …\n  raise\ntapedeck_library.LoadError: tapedeck[{}]: {}\n at x"
        self.assertEqual(app.explained(wrapped.format("rejected", "coins[0] was made anew")),
                         ("coins[0] was made anew", True))
        self.assertEqual(app.explained(wrapped.format("conflict", "the ledger stands at 3")),
                         ("the ledger stands at 3", False))
        self.assertEqual(app.explained("\n\n worker lost\nmore"), ("worker lost", False))
        self.assertEqual(app.explained("An error occurred while calling o9.get.\n: java.net.ConnectException: no\n at y"),
                         ("java.net.ConnectException: no", False))
        what, is_final = app.explained("java.lang.ArithmeticException: long overflow")
        self.assertTrue(is_final)
        _, is_final = app.explained("[STREAM_FAILED] Query [id = 1] terminated with exception: Record at topic coins "
                                    "partition 0 offset 9 has timestamp value 4611686018427387904 that overflows when")
        self.assertTrue(is_final, "as Spark 4.2 says it")
        self.assertIn("tapedeck load", what)

    def test_reads_kafkas_own_properties(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("# login\nsecurity.protocol=SASL_SSL\n\nsasl.jaas.config = a b=\"c=d\";\n")
            file.flush()
            self.assertEqual(app.properties_of(file.name), {"security.protocol": "SASL_SSL",
                                                            "sasl.jaas.config": 'a b="c=d";'})


class Platform(unittest.TestCase):
    def test_names_a_machine_that_the_library_was_not_built_for(self):
        built = {"system": "Linux", "machine": "x86_64", "glibc": "2.28"}
        check = tapedeck_library.check_platform
        check(built, "x86_64", "Linux", ("glibc", "2.28"))
        check(built, "x86_64", "Linux", ("glibc", "2.36"))
        for machine, system, libc in (("aarch64", "Linux", ("glibc", "2.36")), ("x86_64", "Linux", ("glibc", "2.17")),
                                      ("x86_64", "Linux", ("", "")), ("x86_64", "Darwin", ("", ""))):
            with self.assertRaisesRegex(tapedeck_library.LoadError, "was built for Linux on x86_64 with glibc 2.28"):
                check(built, machine, system, libc)


unittest.main()
