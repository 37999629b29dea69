#include "market/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <string>

#include "market/record_parts.h"

namespace tapedeck {
namespace {

using testing::HasSubstr;

constexpr auto kCoin = RecordForm::coin;
constexpr auto kStock = RecordForm::stock;

constexpr std::string_view kDigest =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Price price(std::string_view text) { return *Decimal::parse(text); }
Timestamp instant(std::string_view text) { return *parse_rfc3339(text); }

// A decoder with what it needs, for one test.
struct Reader {
    RecordDecoder decoder;
    TextArena arena;
    std::vector<Record> records;

    Result<> read(std::string_view value, RecordForm form) {
        return decoder.decode(value, form, arena, records);
    }
};

Record bitcoin() {
    Record record;
    record.instrument = record.name = "bitcoin";
    record.price = price("22470.52");
    record.currency = "USD";
    record.slot = instant("2026-11-24T00:05:00Z");
    record.observed_at = instant("2026-11-24T00:05:00.412913Z");
    record.source = "coinmarketcap";
    record.rule = "price-class";
    record.capture = kDigest;
    return record;
}

void expect_same(const Record& left, const Record& right) {
    EXPECT_EQ(left.instrument, right.instrument);
    EXPECT_EQ(left.name, right.name);
    EXPECT_EQ(left.price.to_string(), right.price.to_string());
    ASSERT_EQ(left.previous_close.has_value(), right.previous_close.has_value());
    if (left.previous_close) {
        EXPECT_EQ(left.previous_close->to_string(), right.previous_close->to_string());
    }
    EXPECT_EQ(left.currency, right.currency);
    EXPECT_EQ(left.slot, right.slot);
    EXPECT_EQ(left.observed_at, right.observed_at);
    EXPECT_EQ(left.source, right.source);
    EXPECT_EQ(left.rule, right.rule);
    EXPECT_EQ(left.revision, right.revision);
    EXPECT_EQ(left.capture, right.capture);
}

// What a message is refused for; `out` must not have changed.
std::string refusal(std::string_view value, RecordForm form) {
    Reader reader;
    reader.records.push_back(bitcoin());
    const auto result = reader.read(value, form);
    EXPECT_EQ(reader.records.size(), result ? reader.records.size() : 1U);
    if (result) return "(it was read)";
    EXPECT_EQ(result.error().kind, ErrorKind::malformed);
    return result.error().what;
}

TEST(RecordEncoding, IsTheDocumentedCoinMessage) {
    std::string out;
    encode_record(out, bitcoin(), kCoin);
    EXPECT_EQ(out, R"j({"coin_name":"bitcoin","current_price":22470.52,"currency":"USD",)j"
                   R"j("slot":"2026-11-24T00:05:00Z","observed_at":"2026-11-24T00:05:00.412913Z",)j"
                   R"j("source":"coinmarketcap","rule":"price-class","revision":0,"capture":")j" +
                       std::string(kDigest) + "\"}");
}

TEST(RecordEncoding, IsTheDocumentedStockMessage) {
    Record record;
    record.instrument = "AAPL";
    record.name = "Apple Inc. (AAPL)";
    record.price = price("148.50");
    record.previous_close = price("147.270");
    record.revision = 2;
    std::string out = "before";
    encode_record(out, record, kStock);
    EXPECT_EQ(out,
              R"j(before{"stock_name":"Apple Inc. (AAPL)","symbol":"AAPL","current_price":148.50,)j"
              R"j("previous_close":147.270,"revision":2})j");
}

TEST(RecordEncoding, LeavesOutNulsThatNoDatabaseKeeps) {
    Record record = bitcoin();
    record.rule = std::string_view("a\0b", 3);
    std::string out;
    encode_record(out, record, kCoin);
    Reader reader;
    ASSERT_TRUE(reader.read(out, kCoin));
    EXPECT_EQ(reader.records[0].rule, "ab");
}

// Reads what the original's readers do: an array or an object of its two or three fields.
TEST(RecordEncoding, HasTheOriginalsFieldsAsNumbersAndTexts) {
    Record record = bitcoin();
    record.name = "Bitcoin (BTC)";
    record.previous_close = price("1");
    for (const RecordForm form : {kCoin, kStock}) {
        std::string out;
        encode_record(out, record, form);
        simdjson::dom::parser parser;
        simdjson::dom::element root;
        ASSERT_EQ(parser.parse(out).get(root), simdjson::SUCCESS);
        std::string_view name;
        double number = 0;
        EXPECT_EQ(root[form == kCoin ? "coin_name" : "stock_name"].get(name), simdjson::SUCCESS);
        EXPECT_EQ(name, form == kCoin ? "bitcoin" : "Bitcoin (BTC)");
        EXPECT_EQ(root["current_price"].get(number), simdjson::SUCCESS);
        EXPECT_EQ(root["previous_close"].get(number) == simdjson::SUCCESS, form == kStock);
    }
}

TEST(RecordDecoder, ReadsTheOriginalsArrayOfCoins) {
    Reader reader;
    ASSERT_TRUE(reader.read(
        R"j([{"coin_name": "bitcoin", "current_price": 22470.52}, {"coin_name": "dogecoin", )j"
        R"j("current_price": "0.07441"}, {"current_price": "$1,234.50", "coin_name": "ethereum"}])j",
        kCoin));
    ASSERT_EQ(reader.records.size(), 3U);
    EXPECT_EQ(reader.records[0].instrument, "bitcoin");
    EXPECT_EQ(reader.records[0].name, "bitcoin");
    EXPECT_EQ(reader.records[1].price.to_string(), "0.07441");
    EXPECT_EQ(reader.records[2].price.to_string(), "1234.50");
    EXPECT_FALSE(reader.records[0].slot);
    EXPECT_FALSE(reader.records[0].observed_at);
    EXPECT_EQ(reader.records[0].source, "");
}

TEST(RecordDecoder, ReadsTheOriginalsArrayOfStocks) {
    Reader reader;
    ASSERT_TRUE(reader.read(
        R"j([{"stock_name": "Apple Inc. (AAPL)", "current_price": 148.5, "previous_close": 147.27},)j"
        R"j({"stock_name": "Berkshire (Class B) (BRK-B)", "current_price": "300",)j"
        R"j("previous_close": null}])j",
        kStock));
    ASSERT_EQ(reader.records.size(), 2U);
    EXPECT_EQ(reader.records[0].instrument, "AAPL");
    EXPECT_EQ(reader.records[0].name, "Apple Inc. (AAPL)");
    EXPECT_EQ(reader.records[0].previous_close->to_string(), "147.27");
    EXPECT_EQ(reader.records[1].instrument, "BRK-B");
    EXPECT_FALSE(reader.records[1].previous_close);
}

TEST(RecordDecoder, AStocksInstrumentIsItsSymbolElseTheLastTickerElseTheName) {
    const auto instrument = [](std::string_view fields) {
        Reader reader;
        const std::string value = "{\"current_price\":1," + std::string(fields) + "}";
        EXPECT_TRUE(reader.read(value, kStock)) << value;
        return reader.records.empty() ? "" : std::string(reader.records[0].instrument);
    };
    EXPECT_EQ(instrument(R"j("stock_name":"Apple (AAPL)","symbol":"APC.DE")j"), "APC.DE");
    EXPECT_EQ(instrument(R"j("stock_name":"Apple (AAPL)","symbol":null)j"), "AAPL");
    EXPECT_EQ(instrument(R"j("stock_name":"Apple (AAPL)","symbol":"")j"), "AAPL");
    EXPECT_EQ(instrument(R"j("symbol":"AAPL")j"), "AAPL");
    EXPECT_EQ(instrument(R"j("stock_name":"Alphabet (GOOG) - quote")j"), "GOOG");
    EXPECT_EQ(instrument(R"j("stock_name":"Berkshire (Class B)")j"), "Berkshire (Class B)");
    EXPECT_EQ(instrument(R"j("stock_name":"Apple")j"), "Apple");
    EXPECT_EQ(instrument(R"j("stock_name":"Apple (")j"), "Apple (");
    EXPECT_EQ(instrument(R"j("stock_name":"Apple ()")j"), "Apple ()");
    EXPECT_EQ(instrument(R"j("stock_name":"Apple )(")j"), "Apple )(");
}

TEST(RecordDecoder, TakesFieldsInAnyOrderAndSkipsUnknownOnes) {
    Reader reader;
    ASSERT_TRUE(reader.read(
        "\r\n\t{ \"x\" : [1, {\"current_price\": -5}, \"}\\\"]\", true, false, null, 1e400] ,"
        "\"current_price\":0.50,\"\":{},\"stock_name\":7,\"symbol\":[],\"coin_name\":\"a\"} ",
        kCoin));
    EXPECT_EQ(reader.records[0].price.to_string(), "0.50");
}

TEST(RecordDecoder, PointsIntoTheMessageWhereNothingWasEscaped) {
    std::string value;
    encode_record(value, bitcoin(), kCoin);
    Reader reader;
    ASSERT_TRUE(reader.read(value, kCoin));
    const Record& record = reader.records[0];
    for (const std::string_view text : {record.instrument, record.name, record.currency,
                                        record.source, record.rule, record.capture}) {
        EXPECT_GE(text.data(), value.data());
        EXPECT_LE(text.data() + text.size(), value.data() + value.size());
    }
}

TEST(RecordDecoder, KeepsEscapedTextsInTheArenaAcrossMessages) {
    Reader reader;
    {
        const std::string value =
            R"j({"\u0063oin_name":"a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00z","current_price":1})j";
        ASSERT_TRUE(reader.read(value, kCoin));
    }
    for (int i = 0; i < 100; ++i) {
        const std::string other =
            R"j({"coin_name":"\u0041)j" + std::to_string(i) + R"j(","current_price":1})j";
        ASSERT_TRUE(reader.read(other, kCoin));
    }
    EXPECT_EQ(reader.records[0].instrument, "a\"\\/\b\f\n\r\té€😀z");
    EXPECT_EQ(reader.records[100].instrument, "A99");
}

TEST(RecordDecoder, KeepsThePricesDigits) {
    for (const std::string_view digits :
         {"22470.520", "0.000000000000000001", "1000000000000000.000000000000000001", "16777217",
          "0.1000000000000000055511151231257827", "99999999999999999999999999999999999999"}) {
        for (const std::string_view quote : {"", "\""}) {
            Reader reader;
            const std::string value = R"j({"coin_name":"a","current_price":)j" +
                                      std::string(quote) + std::string(digits) +
                                      std::string(quote) + "}";
            ASSERT_TRUE(reader.read(value, kCoin)) << value;
            EXPECT_EQ(reader.records[0].price.to_string(), digits);
        }
    }
}

// Issue 11: one "N/A" cost the other five.
TEST(RecordDecoder, ARecordOfAnArrayThatCannotBeReadCostsOnlyItself) {
    Reader reader;
    std::vector<RefusedRecord> refused;
    const std::string_view value =
        R"( [{"coin_name":"a","current_price":1}, {"coin_name":"b","current_price":"N/A","x":[{}]},)"
        R"( 7 ,{"coin_name":"c\u0041","current_price":2.50}] )";
    const auto done = decode_parts(value, kCoin, reader.arena, reader.records, refused);
    ASSERT_TRUE(done) << done.error().what;
    ASSERT_EQ(reader.records.size(), 2U);
    EXPECT_EQ(reader.records[1].instrument, "cA");
    EXPECT_EQ(reader.records[1].price.to_string(), "2.50");
    ASSERT_EQ(refused.size(), 2U);
    EXPECT_EQ(refused[0].value, R"({"coin_name":"b","current_price":"N/A","x":[{}]})");
    EXPECT_EQ(refused[0].why, "record 2: current_price is not a displayed price: 'N/A'");
    EXPECT_EQ(refused[1].value, "7");
    // What is no JSON has no records at all.
    for (const std::string_view broken :
         {R"([{"coin_name":"b"},{"coin_name":"a","current_price":1})", R"([{"coin_name":"b"} {}])",
          R"([{"coin_name":"b","x":tru}])", R"([{"coin_name":"b"},])"}) {
        EXPECT_FALSE(decode_parts(broken, kCoin, reader.arena, reader.records, refused));
    }
    EXPECT_EQ(reader.records.size(), 2U);
    EXPECT_EQ(refused.size(), 2U);
}

TEST(RecordDecoder, SaysThatATopicHasTheOtherFormsMessages) {
    Reader reader;
    const auto coin = reader.read(
        R"j([{"stock_name":"Apple Inc. (AAPL)","current_price":1,"previous_close":2}])j", kCoin);
    EXPECT_EQ(coin.error().what,
              "record 1: coin_name is missing or empty; has stock_name: is this feed's topic "
              "stock's?");
    const auto stock = reader.read(R"({"coin_name":"bitcoin","current_price":1})", kStock);
    EXPECT_EQ(stock.error().what,
              "stock_name is missing or empty; has coin_name: is this feed's topic coin's?");
}

TEST(RecordDecoder, AnEmptyArrayHasNoRecords) {
    Reader reader;
    EXPECT_TRUE(reader.read(" [ ] ", kCoin));
    EXPECT_TRUE(reader.records.empty());
}

TEST(RecordDecoder, NamesTheFieldAndTheValue) {
    const auto coin = [](std::string_view fields) {
        return refusal("{" + std::string(fields) + "}", kCoin);
    };
    const auto bitcoin_with = [&coin](std::string_view field) {
        return coin(R"j("coin_name":"bitcoin","current_price":1,)j" + std::string(field));
    };
    EXPECT_EQ(coin(R"j("current_price":1)j"), "coin_name is missing or empty");
    EXPECT_EQ(coin(R"j("coin_name":"","current_price":1)j"), "coin_name is missing or empty");
    EXPECT_EQ(coin(R"j("coin_name":"bitcoin")j"), "current_price is missing, of 'bitcoin'");
    EXPECT_EQ(coin(R"j("coin_name":7,"current_price":1)j"), "coin_name is no text: '7'");
    EXPECT_EQ(coin(R"j("current_price":null)j"), "current_price is null");
    EXPECT_EQ(coin(R"j("current_price":0.00)j"), "current_price is not positive: 0.00");
    EXPECT_EQ(coin(R"j("current_price":-5)j"), "current_price is not positive: -5");
    EXPECT_EQ(coin(R"j("current_price":true)j"), "current_price is no price: 'true'");
    EXPECT_EQ(coin(R"j("current_price":[1, 2])j"), "current_price is no price: '[1, 2]'");
    EXPECT_EQ(coin(R"j("current_price":"N/A")j"), "current_price is not a displayed price: 'N/A'");
    EXPECT_THAT(coin(R"j("current_price":1e39)j"), HasSubstr("38 digits"));
    EXPECT_THAT(coin(R"j("current_price":1,"current_price":1)j"), HasSubstr("stands twice"));
    EXPECT_THAT(bitcoin_with(R"j("coin_name":"b")j"), HasSubstr("coin_name stands twice"));
    EXPECT_THAT(bitcoin_with(R"j("slot":"soon")j"), HasSubstr("slot is not a time"));
    EXPECT_THAT(bitcoin_with(R"j("slot":5)j"), HasSubstr("slot is no time: '5'"));
    EXPECT_THAT(bitcoin_with(R"j("observed_at":"2026-02-30")j"), HasSubstr("observed_at is not"));
    EXPECT_THAT(bitcoin_with(R"j("revision":1.5)j"), HasSubstr("revision is no whole"));
    EXPECT_THAT(bitcoin_with(R"j("revision":-1)j"), HasSubstr("revision is no whole"));
    EXPECT_THAT(bitcoin_with(R"j("revision":2147483648)j"), HasSubstr("revision is no whole"));
    EXPECT_THAT(bitcoin_with(R"j("revision":"1")j"), HasSubstr("revision is no number"));
    EXPECT_THAT(bitcoin_with(R"j("source":{"a":[]})j"),
                HasSubstr("source is no text: '{\"a\":[]}'"));
    EXPECT_THAT(bitcoin_with(R"j("rule":"a\u0000b")j"), HasSubstr("rule holds a NUL: 'a\\x00b'"));
    EXPECT_THAT(refusal(R"j({"symbol":"A","current_price":1,"previous_close":-1})j", kStock),
                HasSubstr("previous_close is negative: -1"));
    EXPECT_THAT(refusal(R"j({"coin_name":"bitcoin","current_price":1})j", kStock),
                HasSubstr("stock_name is missing"));
    EXPECT_EQ(refusal(R"j([{"coin_name":"a","current_price":1},{"coin_name":"b"}])j", kCoin),
              "record 2: current_price is missing, of 'b'");
    EXPECT_THAT(
        refusal("[{\"coin_name\":\"" + std::string(513, 'x') + "\",\"current_price\":1}]", kCoin),
        HasSubstr("instrument is too long"));
    EXPECT_THAT(bitcoin_with("\"source\":\"" + std::string(513, 'x') + "\""),
                HasSubstr("source is too long"));
}

TEST(RecordDecoder, APreviousCloseOfZeroIsRead) {
    Reader reader;
    ASSERT_TRUE(
        reader.read(R"j({"symbol":"AFRAF","current_price":1,"previous_close":0})j", kStock));
    EXPECT_TRUE(reader.records[0].previous_close->is_zero());
}

// What no strict reader of JSON takes, also where the field is one that is skipped.
TEST(RecordDecoder, RefusesWhatIsNoJson) {
    for (const std::string_view value : {"",
                                         " ",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         "[[]]",
                                         "[1]",
                                         "[{}]",
                                         "null",
                                         "1",
                                         "\"a\"",
                                         "{]",
                                         "[}",
                                         "\xEF\xBB\xBF{}",
                                         "{\"coin_name\":\"a\",\"current_price\":1}x",
                                         "{\"coin_name\":\"a\",\"current_price\":1}{}",
                                         "{\"coin_name\":\"a\",\"current_price\":1,}",
                                         "[{\"coin_name\":\"a\",\"current_price\":1},]",
                                         "[{\"coin_name\":\"a\",\"current_price\":1}",
                                         "{'coin_name':'a','current_price':1}",
                                         "{coin_name:\"a\",\"current_price\":1}",
                                         "{\"coin_name\" \"a\",\"current_price\":1}",
                                         "{\"coin_name\":\"a\" \"current_price\":1}"}) {
        EXPECT_NE(refusal(value, kCoin), "(it was read)") << value;
    }
    for (const std::string_view foreign : {"01",
                                           "1.",
                                           ".5",
                                           "+1",
                                           "-",
                                           "1e",
                                           "1e+",
                                           "0x1",
                                           "tru",
                                           "True",
                                           "nul",
                                           "NaN",
                                           "\"",
                                           "\"\\\"",
                                           "\"\\x\"",
                                           "\"\\u12\"",
                                           "\"\\u12g4\"",
                                           "\"\\ud800\"",
                                           "\"\\udc00\"",
                                           "\"\\ud800\\u0041\"",
                                           "\"\\ud800\\ud800\"",
                                           "\"\\ud800x\"",
                                           "\"a\nb\"",
                                           "\"a\tb\"",
                                           "[1,]",
                                           "[,1]",
                                           "[1 2]",
                                           "{\"a\"}",
                                           "{\"a\":}",
                                           "{1:1}",
                                           "{\"a\":1,}",
                                           "/**/1",
                                           "1//",
                                           ""}) {
        const std::string value =
            R"j({"coin_name":"a","current_price":1,"x":)j" + std::string(foreign) + "}";
        EXPECT_NE(refusal(value, kCoin), "(it was read)") << value;
        const std::string price =
            R"j({"coin_name":"a","current_price":)j" + std::string(foreign) + "}";
        EXPECT_NE(refusal(price, kCoin), "(it was read)") << price;
    }
    const std::string fine = R"({"coin_name":"a","current_price":1})";
    EXPECT_EQ(refusal(fine, kCoin), "(it was read)");
    EXPECT_NE(refusal(fine + '\0', kCoin), "(it was read)");
    for (std::size_t at = 0; at < fine.size(); ++at) {
        std::string broken = fine;
        broken[at] = '\0';
        EXPECT_NE(refusal(broken, kCoin), "(it was read)") << at;
        EXPECT_NE(refusal(fine.substr(0, at), kCoin), "(it was read)") << at;
    }
}

TEST(RecordDecoder, RefusesWhatIsNoUtf8AndSaysWhere) {
    EXPECT_EQ(refusal("{\"coin_name\":\"\xFF\",\"current_price\":1}", kCoin),
              "the message is no UTF-8 from byte 14 on");
    EXPECT_THAT(refusal("{\"coin_name\":\"a\",\"current_price\":1,\"x\":\"\xED\xA0\x80\"}", kCoin),
                HasSubstr("no UTF-8"));
}

TEST(RecordDecoder, RefusesNestingBeyond64LevelsAndReadsALongValue) {
    const auto nested = [](std::size_t levels) {
        return R"j({"coin_name":"a","current_price":1,"x":)j" + std::string(levels, '[') +
               std::string(levels, ']') + "}";
    };
    EXPECT_EQ(refusal(nested(64), kCoin), "(it was read)");
    EXPECT_NE(refusal(nested(66), kCoin), "(it was read)");
    EXPECT_NE(refusal(nested(1'000'000), kCoin), "(it was read)");
    Reader reader;
    const std::string megabyte(1'000'000, 'r');
    const std::string value = R"j({"coin_name":"a","current_price":1,"rule":")j" + megabyte + "\"}";
    ASSERT_TRUE(reader.read(value, kCoin));
    EXPECT_EQ(reader.records[0].rule, megabyte);
}

TEST(RecordDecoder, ReadsAnArrayOfManyRecordsInOneMessage) {
    std::string value = "[";
    for (int i = 1; i <= 20'000; ++i) {
        if (i > 1) value += ',';
        value += R"j({"coin_name":"c)j" + std::to_string(i) + R"j(","current_price":)j" +
                 std::to_string(i) + "}";
    }
    Reader reader;
    const std::string whole = value + "]";
    ASSERT_TRUE(reader.read(whole, kCoin));
    ASSERT_EQ(reader.records.size(), 20'000U);
    EXPECT_EQ(reader.records[19'999].instrument, "c20000");
    // One fault at the end, and nothing of the message is kept.
    EXPECT_FALSE(reader.read(value + ",{}]", kCoin));
    EXPECT_EQ(reader.records.size(), 20'000U);
}

// Texts of all planes, control characters included, but no NUL.
rc::Gen<std::string> texts() {
    return rc::gen::map(
        rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
            "a", "Z", "0", " ", "\"", "\\", "/", "\n", "\x01", "\x1F", "\x7F", "é", "€", "😀", "(",
            ")", "{", "}", "[", ",", ":", "\u2028", "\uFFFD", "longer than eight bytes")),
        [](const std::vector<std::string>& parts) {
            std::string out;
            for (const std::string& part : parts) out += part;
            return out;
        });
}

rc::Gen<Timestamp> instants() {
    return rc::gen::map(rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000'000),
                        [](auto micros) { return Timestamp(std::chrono::microseconds(micros)); });
}

rc::Gen<Price> prices() {
    return rc::gen::map(
        rc::gen::pair(rc::gen::inRange<std::int64_t>(1, INT64_MAX), rc::gen::inRange(0, 39)),
        [](const auto& parts) { return *Decimal::from_parts(parts.first, parts.second); });
}

RC_GTEST_PROP(RecordProperty, DecodingWhatWasEncodedGivesTheSameRecord, ()) {
    const RecordForm form = *rc::gen::element(kCoin, kStock);
    const std::string named = "x" + *texts();
    const std::string symbol = "y" + *texts();
    const std::string currency = *texts();
    const std::string source = *texts();
    const std::string rule = *texts();
    const std::string capture = *texts();
    Record given;
    given.instrument = symbol;
    given.name = form == kStock ? named : symbol;
    given.price = *prices();
    if (form == kStock && *rc::gen::arbitrary<bool>()) given.previous_close = *prices();
    given.currency = currency;
    if (*rc::gen::arbitrary<bool>()) given.slot = *instants();
    if (*rc::gen::arbitrary<bool>()) given.observed_at = *instants();
    given.source = source;
    given.rule = rule;
    given.revision = *rc::gen::inRange(0, INT32_MAX);
    given.capture = capture;
    std::string value;
    encode_record(value, given, form);
    Reader reader;
    const auto result = reader.read(value, form);
    if (!result) RC_FAIL(result.error().what);
    RC_ASSERT(reader.records.size() == 1U);
    expect_same(reader.records[0], given);
    RC_ASSERT(!testing::Test::HasFailure());
}

// Our scanner and simdjson agree whether a message is JSON, over arrays of which about half are
// broken somewhere. simdjson's DOM refuses numbers beyond its integers and doubles, which are not
// drawn here.
RC_GTEST_PROP(RecordProperty, SimdjsonAgreesWhatIsJson, ()) {
    const auto values = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "1", "-0.5e3", "\"a\"", "\"\\u00e9 \\ud83d\\ude00\"", "true", "null", " [ ] ", "{}",
        "\n7\t", "{\"k\" : [1,2]}", "[[\"]\"],false]", "\"longer than eight bytes €\"",
        "\"\\n\\\"\\\\\""));
    std::string inner = "[";
    for (const std::string& value : values) inner += (inner.size() > 1 ? "," : "") + value;
    inner += "]";
    if (*rc::gen::arbitrary<bool>()) {
        const auto at = *rc::gen::inRange<std::size_t>(0, inner.size());
        const auto length = *rc::gen::inRange<std::size_t>(0, 3);
        inner.replace(at, length,
                      *rc::gen::element<std::string>("", "[", "]", "{", "}", ",", ":", "\"", "\\",
                                                     "0", "-", ".", "e", "x", " ", "\n", "\\ud83d",
                                                     "\\u", "\x01", "€", "\xE2"));
    }
    const std::string value = R"({"coin_name":"a","current_price":1,"x":)" + inner + "}";
    Reader reader;
    const bool ours = reader.read(value, kCoin).has_value();
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const bool theirs = parser.parse(value).get(root) == simdjson::SUCCESS;
    RC_CLASSIFY(ours);
    RC_LOG() << value << std::endl;
    RC_ASSERT(ours == theirs);
}

}  // namespace
}  // namespace tapedeck
