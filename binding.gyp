{
  'targets': [
    {
      'target_name': 'pino_pinned',
      'sources': ['native/addon.cc', 'native/arguments.cc', 'native/claims.cc', 'native/consumer.cc', 'native/estates.cc', 'native/executor.cc', 'native/producer.cc'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      # The last: why is told in native/arguments.h.
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'conditions': [
        ['OS=="win"', {
          'sources': ['native/platform_windows.cc'],
          'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN', '_WIN32_WINNT=0x0A00'],
          'msvs_settings': {
            'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++17', '/W3'] }
          }
        }, {
          'sources': ['native/write_posix.cc'],
          'cflags_cc': ['-std=c++17', '-Wall', '-Wextra', '-fvisibility=hidden']
        }],
        ['OS=="linux"', {
          'sources': ['native/platform_linux.cc'],
          # Once loaded it stays: Node closes an addon with the last worker that used it, and the affinity
          # taken at the first load must not be taken again later.
          'ldflags': ['-Wl,-z,nodelete']
        }],
        ['OS=="mac"', {
          'sources': ['native/platform_macos.cc'],
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'OTHER_CPLUSPLUSFLAGS': ['-Wall', '-Wextra']
          }
        }]
      ]
    }
  ]
}
