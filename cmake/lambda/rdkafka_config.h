/* librdkafka's configuration for a Lambda function: TLS, PLAIN, SCRAM and OAUTHBEARER by OpenSSL, all
   of Kafka's packings, no SASL library, no plugins. */
#ifndef TAPEDECK_RDKAFKA_CONFIG_H
#define TAPEDECK_RDKAFKA_CONFIG_H
#define SOLIB_EXT ".so"
#define ENABLE_SSL 1
#define HAVE_ATOMICS_32 1
#define HAVE_ATOMICS_32_ATOMIC 1
#define ATOMIC_OP32(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define HAVE_ATOMICS_64 1
#define HAVE_ATOMICS_64_ATOMIC 1
#define ATOMIC_OP64(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define ATOMIC_OP(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define RDKAFKA_VERSION_STR "2.0.2"
#define WITH_C11THREADS 1
#define WITH_ZLIB 1
#define WITH_ZSTD 1
#define WITH_SSL 1
#define WITH_SNAPPY 1
#define WITH_SASL_SCRAM 1
#define HAVE_REGEX 1
#define HAVE_RAND_R 1
#define HAVE_STRNDUP 1
#define HAVE_STRERROR_R 1
#define HAVE_STRCASESTR 1
#define HAVE_PTHREAD_SETNAME_GNU 1
#define HAVE_GETRUSAGE 1
#define BUILT_WITH "ZLIB ZSTD SSL SNAPPY SASL_SCRAM"
#endif
