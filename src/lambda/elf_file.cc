#include "lambda/elf_file.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>

namespace tapedeck {
namespace {

constexpr std::size_t kMostEntries = 100'000;  // of any table

class ElfReader {
public:
    explicit ElfReader(std::string_view bytes) : bytes_(bytes) {}

    Result<ElfNeeds> read() {
        const auto head = at<Elf64_Ehdr>(0);
        if (!head || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
            head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB) {
            return Error{ErrorKind::malformed, "is no 64-bit program of Linux"};
        }
        ElfNeeds needs;
        needs.machine = head->e_machine == EM_X86_64 ? "x86_64"
                        : head->e_machine == EM_AARCH64
                            ? "arm64"
                            : fmt::format("machine {}", head->e_machine);
        read_segments(*head);
        read_dynamic(needs);
        for (std::size_t i = 0; i < head->e_shnum; ++i) {
            const auto section = at<Elf64_Shdr>(head->e_shoff + i * sizeof(Elf64_Shdr));
            if (section && section->sh_type == SHT_SYMTAB) needs.stripped = false;
        }
        return needs;
    }

private:
    template <class T>
    std::optional<T> at(std::uint64_t offset) const {
        if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, bytes_.data() + offset, sizeof(T));
        return value;
    }

    std::string text(std::uint64_t offset) const {
        if (offset >= bytes_.size()) return {};
        const std::string_view rest = bytes_.substr(offset, 4'096);
        return std::string(rest.substr(0, rest.find('\0')));
    }

    void read_segments(const Elf64_Ehdr& head) {
        for (std::size_t i = 0; i < head.e_phnum; ++i) {
            const auto segment = at<Elf64_Phdr>(head.e_phoff + i * sizeof(Elf64_Phdr));
            if (segment) segments_.push_back(*segment);
        }
    }

    // Where what is loaded at an address stands in the file.
    std::uint64_t offset_of(std::uint64_t address) const {
        for (const Elf64_Phdr& segment : segments_) {
            const bool inside = segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
                                address - segment.p_vaddr < segment.p_filesz;
            if (inside) return segment.p_offset + (address - segment.p_vaddr);
        }
        return bytes_.size();
    }

    void read_dynamic(ElfNeeds& needs) const {
        const auto dynamic = std::ranges::find(segments_, PT_DYNAMIC, &Elf64_Phdr::p_type);
        if (dynamic == segments_.end()) return;
        std::map<std::int64_t, std::uint64_t> values;
        std::vector<std::uint64_t> needed;
        for (std::size_t i = 0; i < kMostEntries; ++i) {
            const auto entry = at<Elf64_Dyn>(dynamic->p_offset + i * sizeof(Elf64_Dyn));
            if (!entry || entry->d_tag == DT_NULL) break;
            if (entry->d_tag == DT_NEEDED) needed.push_back(entry->d_un.d_val);
            values[entry->d_tag] = entry->d_un.d_val;
        }
        const std::uint64_t strings = offset_of(values[DT_STRTAB]);
        for (const std::uint64_t name : needed) needs.libraries.push_back(text(strings + name));
        read_versions(needs, offset_of(values[DT_VERNEED]), values[DT_VERNEEDNUM], strings);
    }

    void read_versions(ElfNeeds& needs, std::uint64_t offset, std::uint64_t count,
                       std::uint64_t strings) const {
        std::vector<int> highest;
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, kMostEntries); ++i) {
            const auto file = at<Elf64_Verneed>(offset);
            if (!file) break;
            std::uint64_t one = offset + file->vn_aux;
            for (unsigned j = 0; j < file->vn_cnt; ++j) {
                const auto version = at<Elf64_Vernaux>(one);
                if (!version) break;
                note_version(text(strings + version->vna_name), highest, needs.highest_glibc);
                one += version->vna_next;
            }
            offset += file->vn_next;
        }
    }

    static void note_version(const std::string& name, std::vector<int>& highest,
                             std::string& text) {
        constexpr std::string_view kGlibc = "GLIBC_";
        if (!name.starts_with(kGlibc)) return;
        std::vector<int> numbers;
        for (const char* at = name.data() + kGlibc.size(); at < name.data() + name.size();) {
            int number = 0;
            const auto read = std::from_chars(at, name.data() + name.size(), number);
            if (read.ec != std::errc()) return;
            numbers.push_back(number);
            at = read.ptr + 1;
        }
        if (numbers <= highest) return;
        highest = numbers;
        text = name.substr(kGlibc.size());
    }

    std::string_view bytes_;
    std::vector<Elf64_Phdr> segments_;
};

}  // namespace

Result<ElfNeeds> read_elf(std::string_view bytes) { return ElfReader(bytes).read(); }

}  // namespace tapedeck
