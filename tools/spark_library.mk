# Builds WORK/libtapedeck_spark.so of the sources in ROOT: tools/spark_library.sh says how and why.
TARGET := x86_64-linux-gnu.2.28
ZIG := $(WORK)/zig/bin/python3 -m ziglang
export ZIG_GLOBAL_CACHE_DIR ?= $(WORK)/zig-cache
export ZIG_LOCAL_CACHE_DIR ?= $(WORK)/zig-cache
SYSTEM := /usr/include
MULTIARCH := /usr/lib/x86_64-linux-gnu

# What src/spark/ sees, and of the large folders the files that it needs; the linker drops the rest. A folder's
# sources compile together, as everywhere (ARCHITECTURE.md, decisions).
FOLDERS := base market config events tape store store/postgres load spark
market := instrument_name json_scanner outcome price_table price_text reason record sql_words
config := nearest urls
sources_of = $(if $($(1)),$(patsubst %,$(ROOT)/src/$(1)/%.cc,$($(1))),$(filter-out %_test.cc,$(wildcard $(ROOT)/src/$(1)/*.cc)))
HASH := \#
unit_of = $(WORK)/units/$(subst /,_,$(1)).cc
write_unit = $(shell mkdir -p $(WORK)/units; printf '$(HASH)include "%s"\n' $(call sources_of,$(1)) >$(WORK)/units/new; \
    cmp -s $(WORK)/units/new $(call unit_of,$(1)) || mv $(WORK)/units/new $(call unit_of,$(1)))
$(foreach folder,$(FOLDERS),$(call write_unit,$(folder)))
OBJECTS := $(foreach folder,$(FOLDERS),$(WORK)/objects/$(subst /,_,$(folder)).o) $(WORK)/objects/simdjson.o
PQ := $(WORK)/postgresql/src
LIBRARIES := $(PQ)/interfaces/libpq/libpq.a $(PQ)/common/libpgcommon_shlib.a $(PQ)/port/libpgport_shlib.a \
    $(addprefix $(WORK)/lib/,libssl.a libcrypto.a libzstd.a)
FLAGS := -std=c++20 -O2 -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -ffunction-sections -fdata-sections \
    -fno-sanitize=undefined -DFMT_HEADER_ONLY -DNDEBUG -ffile-prefix-map=$(ROOT)=. \
    -I$(ROOT)/src -I$(WORK)/include -I$(WORK)/simdjson/singleheader -I$(PQ)/interfaces/libpq -I$(PQ)/include

$(WORK)/libtapedeck_spark.so: $(OBJECTS) $(PQ)/interfaces/libpq/libpq.a $(ROOT)/src/spark/exports.map
	$(ZIG) c++ -target $(TARGET) -shared -s -o $@ $(OBJECTS) $(LIBRARIES) -Wl,--gc-sections \
	    -Wl,--version-script=$(ROOT)/src/spark/exports.map -Wl,-z,defs

# Headers and archives of Debian's packages by themselves: beside those of its libc the compiler's would not do.
$(WORK)/include/.ready:
	mkdir -p $(WORK)/include $(WORK)/lib
	cp -r $(SYSTEM)/openssl $(SYSTEM)/fmt $(SYSTEM)/zstd*.h $(WORK)/include/
	cp -r $(SYSTEM)/x86_64-linux-gnu/openssl/. $(WORK)/include/openssl/
	cp $(addprefix $(MULTIARCH)/,libssl.a libcrypto.a libzstd.a) $(WORK)/lib/
	touch $@

$(WORK)/objects/%.o: $(WORK)/units/%.cc | $(WORK)/include/.ready $(PQ)/include/pg_config.h
	@mkdir -p $(dir $@)
	$(ZIG) c++ -target $(TARGET) $(FLAGS) -MMD -MP -c $< -o $@

$(WORK)/objects/simdjson.o: $(WORK)/simdjson/singleheader/simdjson.cpp
	@mkdir -p $(dir $@)
	$(ZIG) c++ -target $(TARGET) $(FLAGS) -w -c $< -o $@

$(PQ)/include/pg_config.h: | $(WORK)/include/.ready
	cd $(WORK)/postgresql && ./configure -q --without-readline --without-zlib --without-icu --without-gssapi \
	    --without-ldap --with-ssl=openssl CC="$(ZIG) cc -target $(TARGET)" CFLAGS="-O2 -fPIC" \
	    CPPFLAGS="-I$(WORK)/include" LDFLAGS="-L$(WORK)/lib"

$(PQ)/interfaces/libpq/libpq.a: $(PQ)/include/pg_config.h
	+$(MAKE) -s -C $(PQ)/backend generated-headers
	+$(MAKE) -s -C $(PQ)/interfaces/libpq all-static-lib

-include $(OBJECTS:.o=.d)
