#include "base/sha256.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

// The vectors of FIPS 180-4's example document.
TEST(Sha256, GivesThePublishedDigests) {
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfPiecesIsThatOfTheWhole) {
    const std::string bytes = std::string(1000, 'x') + std::string("\0\xFF", 2);
    for (const std::size_t piece : {1U, 63U, 64U, 65U, 1002U}) {
        Sha256Stream stream;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            stream.add(std::string_view(bytes).substr(at, piece));
        }
        EXPECT_EQ(stream.finish(), sha256(bytes)) << piece;
    }
}

TEST(Sha256, IsReadBackFromItsHex) {
    const Sha256 digest = sha256("abc");
    EXPECT_EQ(sha256_from_hex(hex(digest)), digest);
    EXPECT_FALSE(sha256_from_hex(""));
    EXPECT_FALSE(sha256_from_hex(std::string(63, '0')));
    EXPECT_FALSE(sha256_from_hex(std::string(64, 'g')));
    EXPECT_FALSE(sha256_from_hex(std::string(64, 'A')));
}

}  // namespace
}  // namespace tapedeck
