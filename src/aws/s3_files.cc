#include "aws/s3_files.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "aws/encoding.h"
#include "base/part_file.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPiece = std::int64_t{8} << 20;
constexpr std::int64_t kLeastPart = std::int64_t{16} << 20;
constexpr std::int64_t kMostParts = 10'000;

Error cannot(const std::string& doing, const std::string& path) {
    return system_error(path, doing);
}

// Parts of equal size, so many as S3 takes.
std::int64_t part_size(std::int64_t file) {
    const std::int64_t needed = (file + kMostParts - 1) / kMostParts;
    const std::int64_t mebibyte = std::int64_t{1} << 20;
    return std::max(kLeastPart, (needed + mebibyte - 1) / mebibyte * mebibyte);
}

// The SHA-256 of a part of a file, added to the whole file's as well.
Result<Sha256> digest_of(std::ifstream& file, const FilePart& part, Sha256Stream& whole) {
    Sha256Stream own;
    std::string piece(1 << 20, '\0');
    for (std::int64_t left = part.size; left > 0;) {
        const auto want = std::min<std::int64_t>(left, static_cast<std::int64_t>(piece.size()));
        file.read(piece.data(), want);
        if (file.gcount() != want) {
            return Error{ErrorKind::unavailable, part.path + " became shorter while it was read"};
        }
        const std::string_view bytes(piece.data(), static_cast<std::size_t>(want));
        own.add(bytes);
        whole.add(bytes);
        left -= want;
    }
    return own.finish();
}

struct ReadFile {
    std::int64_t size = 0;
    std::vector<Sha256> parts;
    std::string sha256;
};

Result<ReadFile> read_through(const std::string& path) {
    std::error_code fault;
    ReadFile read;
    if (!fs::is_regular_file(path, fault)) {
        return Error{ErrorKind::rejected, path + " is no file"};
    }
    read.size = static_cast<std::int64_t>(fs::file_size(path, fault));
    std::ifstream file(path, std::ios::binary);
    if (!file.is_open()) return cannot("open", path);
    const std::int64_t size = read.size <= kLargestPut ? read.size : part_size(read.size);
    Sha256Stream whole;
    for (std::int64_t at = 0; at < read.size || read.parts.empty(); at += size) {
        auto digest = digest_of(file, {path, at, std::min(size, read.size - at)}, whole);
        if (!digest) return digest.error();
        read.parts.push_back(*digest);
        if (size == 0) break;
    }
    read.sha256 = hex(whole.finish());
    return read;
}

// The MD5 of a part of a file in hex; empty where it cannot be read.
std::string md5_of(const FilePart& part) {
    std::ifstream file(part.path, std::ios::binary);
    file.seekg(part.offset);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr);
    std::string piece(1 << 20, '\0');
    for (std::int64_t left = part.size; left > 0;) {
        const auto want = std::min<std::int64_t>(left, static_cast<std::int64_t>(piece.size()));
        file.read(piece.data(), want);
        if (file.gcount() != want) return {};
        EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(want));
        left -= want;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context.get(), digest, &size);
    return hex(std::span<const std::uint8_t>(digest, size));
}

// By its checksum, or where the store keeps none by its etag, which is the MD5 of a part's bytes.
bool is_part_of(const S3::Part& part, const Sha256& digest, const FilePart& piece) {
    if (part.size != piece.size) return false;
    if (!part.checksum.empty()) return part.checksum == base64(digest);
    std::string etag = part.etag;
    std::erase(etag, '"');
    return !etag.empty() && etag == md5_of(piece);
}

// What an upload that was left behind has of this file, by part; nothing where it has other parts.
using Arrived = std::map<int, S3::Part>;
Arrived arrived_of(const ReadFile& file, const std::string& path,
                   const std::vector<S3::Part>& parts) {
    Arrived arrived;
    const std::int64_t size = part_size(file.size);
    for (const S3::Part& part : parts) {
        if (part.number < 1 || std::cmp_greater(part.number, file.parts.size())) return {};
        const auto index = static_cast<std::size_t>(part.number - 1);
        const std::int64_t at = static_cast<std::int64_t>(index) * size;
        const FilePart piece{path, at, std::min(size, file.size - at)};
        if (is_part_of(part, file.parts[index], piece)) arrived.emplace(part.number, part);
    }
    return arrived;
}

struct Upload {
    std::string id;
    Arrived arrived;
};

// A store may not list uploads: then it begins anew.
Result<Upload> upload_of(S3& s3, const S3Place& place, const ReadFile& file,
                         const std::string& path, const S3Headers& headers) {
    Upload best;
    if (const auto open = s3.open_uploads(place)) {
        for (const std::string& id : *open) {
            const auto parts = s3.parts_of(place, id);
            if (!parts) continue;
            Arrived arrived = arrived_of(file, path, *parts);
            if (arrived.size() > best.arrived.size()) best = {id, std::move(arrived)};
        }
    }
    if (!best.id.empty()) return best;
    auto id = s3.begin_multipart(place, headers);
    if (!id) return id.error();
    return Upload{*std::move(id), {}};
}

Result<S3Transfer> put_in_parts(S3& s3, const std::string& path, const S3Place& place,
                                const ReadFile& file, const S3Headers& headers,
                                const S3Progress& progress) {
    auto upload = upload_of(s3, place, file, path, headers);
    if (!upload) return upload.error();
    S3Transfer done;
    done.sha256 = file.sha256;
    std::vector<S3::Part> parts;
    const std::int64_t size = part_size(file.size);
    for (std::size_t i = 0; i < file.parts.size(); ++i) {
        const int number = static_cast<int>(i) + 1;
        const std::int64_t at = static_cast<std::int64_t>(i) * size;
        const FilePart piece{path, at, std::min(size, file.size - at)};
        if (const auto there = upload->arrived.find(number); there != upload->arrived.end()) {
            parts.push_back(there->second);
            done.resumed += piece.size;
        } else {
            auto part = s3.put_part(place, upload->id, number, piece, file.parts[i]);
            if (!part) return part.error();
            parts.push_back(*std::move(part));
            done.sent += piece.size;
        }
        if (progress) progress(at + piece.size, file.size);
    }
    if (auto ended = s3.end_multipart(place, upload->id, parts); !ended) return ended.error();
    return done;
}

// What "PATH.part" was begun of, in a file beside it: another object's bytes must not be gone on
// with.
std::string note_of(const S3Place& place, const S3Object& object) {
    return fmt::format("{} {} {}\n", to_string(place), object.etag, object.size);
}

std::string text_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::int64_t begun(const std::string& part, const std::string& note) {
    std::error_code fault;
    if (text_of_file(part + ".of") != note) return 0;
    const auto size = fs::file_size(part, fault);
    return fault ? 0 : static_cast<std::int64_t>(size);
}

// The MD5 of a file in hex: what S3 calls the etag of what came in one piece.
Result<std::string> digest_in_hex(const std::string& path, const EVP_MD* kind) {
    std::ifstream file(path, std::ios::binary);
    if (!file.is_open()) return cannot("open", path);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), kind, nullptr);
    std::string piece(1 << 20, '\0');
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
        EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(file.gcount()));
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context.get(), digest, &size);
    return hex(std::span<const std::uint8_t>(digest, size));
}

bool is_md5(std::string_view text) {
    return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

Result<std::string> check(const std::string& path, const S3Place& place, const S3Object& object) {
    auto sha = digest_in_hex(path, EVP_sha256());
    if (!sha) return sha.error();
    std::string etag = object.etag;
    std::erase(etag, '"');
    bool fits = true;
    if (!object.sha256.empty()) {
        fits = *sha == object.sha256;
    } else if (is_md5(etag)) {  // of an encrypted object it may be something else
        const auto md5 = digest_in_hex(path, EVP_md5());
        if (!md5) return md5.error();
        fits = *md5 == etag;
    }
    if (fits) return *std::move(sha);
    return Error{
        ErrorKind::corrupt,
        fmt::format("{}: the bytes that came are not those of its checksum", to_string(place))};
}

void remove_part(const std::string& part) {
    std::error_code ignored;
    fs::remove(part, ignored);
    fs::remove(part + ".of", ignored);
}

}  // namespace

Result<S3Transfer> put_file(S3& s3, const std::string& path, const S3Place& place,
                            const S3Headers& told, const S3Progress& progress) {
    const auto file = read_through(path);
    if (!file) return file.error();
    S3Headers headers = told;
    headers.sha256 = file->sha256;
    if (file->size > kLargestPut) return put_in_parts(s3, path, place, *file, headers, progress);
    if (auto done = s3.put_file(place, {path, 0, file->size}, file->parts.front(), headers);
        !done) {
        return done.error();
    }
    if (progress) progress(file->size, file->size);
    return S3Transfer{file->size, 0, file->sha256};
}

Result<S3Transfer> get_file(S3& s3, const S3Place& place, const std::string& path,
                            const S3Progress& progress) {
    const auto object = s3.head(place);
    if (!object) return object.error();
    if (!*object) return Error{ErrorKind::rejected, "there is no " + to_string(place)};
    const S3Object& wanted = **object;
    const std::string part = path + ".part";
    const std::string note = note_of(place, wanted);
    S3Transfer done;
    done.resumed = std::min(begun(part, note), wanted.size);
    std::ofstream file(part, done.resumed > 0 ? std::ios::binary | std::ios::app
                                              : std::ios::binary | std::ios::trunc);
    if (!file.is_open()) return cannot("create", part);
    if (done.resumed == 0) std::ofstream(part + ".of", std::ios::binary) << note;
    for (std::int64_t at = done.resumed; at < wanted.size; at += kPiece) {
        const std::int64_t end = std::min(at + kPiece, wanted.size);
        auto bytes = s3.get_range(place, at, end, wanted.etag);
        if (!bytes) return bytes.error();
        if (!file.write(bytes->data(), static_cast<std::streamsize>(bytes->size())).flush()) {
            return cannot("write", part);
        }
        done.sent += end - at;
        if (progress) progress(end, wanted.size);
    }
    file.close();
    auto sha = check(part, place, wanted);
    if (!sha) {
        remove_part(part);
        return sha.error();
    }
    done.sha256 = *std::move(sha);
    if (auto synced = sync_path(part); !synced) return synced.error();
    std::error_code fault;
    fs::rename(part, path, fault);
    if (fault) return cannot("rename", part);
    remove_part(part);
    return done;
}

}  // namespace tapedeck
