#include "aws/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/encoding.h"
#include "base/sha256.h"

namespace tapedeck {
namespace {

// SHA-256 of no bytes.
constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

// The keys and the moment of AWS's own examples.
AwsCredentials example_keys(std::string secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY") {
    AwsCredentials keys;
    keys.access_key = "AKIAIOSFODNN7EXAMPLE";
    keys.secret_key = Secret(std::move(secret));
    return keys;
}
const Timestamp kDay = *parse_rfc3339("2013-05-24T00:00:00Z");
const SigningScope kS3{"us-east-1", "s3"};

std::string value_of(const Request& request, std::string_view name) {
    for (const Header& header : request.headers) {
        if (header.name == name) return header.value.reveal();
    }
    return {};
}

std::string signed_s3(Request request, std::string_view hash) {
    sign(request, example_keys(), kS3, kDay, hash);
    return value_of(request, "Authorization");
}

Request s3_request(std::string path, Method method = Method::get) {
    Request request;
    request.url = "https://examplebucket.s3.amazonaws.com" + path;
    request.method = method;
    return request;
}

// "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk",
// Amazon S3 API reference.
TEST(SigV4, SignsAwsExamplesOfS3) {
    Request get = s3_request("/test.txt");
    get.headers = {{"Range", Secret("bytes=0-9")}};
    EXPECT_EQ(
        signed_s3(get, kEmptyHash),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    Request put = s3_request("/test%24file.text", Method::put);
    put.headers = {{"Date", Secret("Fri, 24 May 2013 00:00:00 GMT")},
                   {"x-amz-storage-class", Secret("REDUCED_REDUNDANCY")}};
    EXPECT_THAT(signed_s3(put, hex(sha256("Welcome to Amazon S3."))),
                EndsWith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
    EXPECT_THAT(signed_s3(s3_request("/?lifecycle"), kEmptyHash),
                EndsWith("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
    EXPECT_THAT(signed_s3(s3_request("/?max-keys=2&prefix=J"), kEmptyHash),
                EndsWith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// "Authenticating Requests: Using Query Parameters", the same reference.
TEST(SigV4, PresignsAwsExample) {
    EXPECT_EQ(presigned_url("https://examplebucket.s3.amazonaws.com/test.txt", Method::get,
                            example_keys(), kS3, kDay, 86'400s)
                  .reveal(),
              "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
              "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
              "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
              "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

// Of the test suite of signature version 4: a service that encodes the path twice, and no S3.
TEST(SigV4, SignsTheSuitesPlainRequest) {
    AwsCredentials keys = example_keys("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    keys.access_key = "AKIDEXAMPLE";
    Request request;
    request.url = "https://example.amazonaws.com/";
    sign(request, keys, {"us-east-1", "service"}, *parse_rfc3339("2015-08-30T12:36:00Z"),
         kEmptyHash);
    EXPECT_EQ(value_of(request, "Authorization"),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
              "SignedHeaders=host;x-amz-date, "
              "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    EXPECT_EQ(value_of(request, "X-Amz-Content-Sha256"), "") << "S3's alone";
}

TEST(SigV4, SignsTheTokenOfASessionAndShowsNoSecret) {
    AwsCredentials keys = example_keys();
    keys.session_token = Secret("token");
    Request request = s3_request("/x");
    sign(request, keys, kS3, kDay, kEmptyHash);
    EXPECT_EQ(value_of(request, "X-Amz-Security-Token"), "token");
    EXPECT_THAT(value_of(request, "Authorization"), HasSubstr("x-amz-security-token"));
    for (const Header& header : request.headers) {
        EXPECT_THAT(header.value.reveal(), testing::Not(HasSubstr("wJalr")));
    }
}

TEST(Encoding, EncodesAsTheSignatureDoes) {
    EXPECT_EQ(uri_encoded("a b/ü~-_.:+"), "a%20b%2F%C3%BC~-_.%3A%2B");
    EXPECT_EQ(uri_encoded("a/b", true), "a/b");
    EXPECT_EQ(query_text({{"b", ""}, {"a", "1 2"}, {"a", "0"}}), "a=0&a=1%202&b=");
}

TEST(Encoding, TakesTheDigestsOfTheRfcs) {
    EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const std::string text = "foobar";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
        static const std::vector<std::string> kExpected{"",         "Zg==",     "Zm8=",    "Zm9v",
                                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
        EXPECT_EQ(base64(std::span(bytes, size)), kExpected[size]);
    }
}

}  // namespace
}  // namespace tapedeck
