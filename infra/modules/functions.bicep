@description('Ending of the names.')
param token string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the app\'s identity.')
param identityId string

@description('Name of the identity, under which it signs in to Postgres.')
param identityName string

@description('Client id of the identity.')
param identityClientId string

@description('Resource id of the identity that reads and writes the app\'s package.')
param deployerId string

@description('Storage account of the host.')
param storageName string

@description('Address of the blob container that holds the app\'s package.')
param deploymentContainer string

@description('Connection string of Application Insights.')
param monitoringConnection string

@description('Postgres server.')
param databaseHost string

@description('Database on it.')
param databaseName string

@description('Connections that the server admits.')
param databaseConnections int

@description('Instances of the app at most, for each of its groups of functions.')
param maximumInstances int

@description('Redis server.')
param redisHost string

@description('Azure OpenAI endpoint.')
param openaiEndpoint string

@description('Deployment of the embedding model.')
param embeddingModel string

@description('Requests that the deployment allows.')
param requestsPerMinute int

@description('Tokens that it allows.')
param tokensPerMinute int

@description('Endpoint of the Durable Task Scheduler; empty: Azure Storage is used.')
param schedulerEndpoint string

@description('Task hub in it.')
param taskHub string

@description('Dollars that may be spent in a day; empty: no cap.')
param maxDollarsPerDay string

@description('Dollars that may be spent in a month; empty: no cap.')
param maxDollarsPerMonth string

@description('File of search keys within the package; empty: none.')
param searchKeysFile string

@description('Whether texts of failed items are shown.')
param showTexts bool

@description('Collector of OpenTelemetry; empty: none.')
param otlpEndpoint string

@description('What receives alerts.')
param alertForm string

@description('Vault with the secrets that follow; empty: there is none.')
param vaultUri string

@description('Whether the vault has EMBEDDINGS-READ-KEY.')
param hasReadKey bool

@description('Whether the vault has EMBEDDINGS-ALERT-URL.')
param hasAlertUrl bool

@description('Whether the vault has EMBEDDINGS-ALERT-SECRET.')
param hasAlertSecret bool

@description('Whether the vault has OTEL-EXPORTER-OTLP-HEADERS.')
param hasOtlpHeaders bool

// Flex Consumption scales the HTTP functions, the timer and Durable's functions each by themselves. A person at work has room, too.
var groups = 3
var poolSize = (databaseConnections - 5) / (groups * maximumInstances)

var settings = [
  { name: 'AzureWebJobsStorage__accountName', value: storageName }
  { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
  { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
  { name: 'AZURE_CLIENT_ID', value: identityClientId }
  { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: monitoringConnection }
  { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'Authorization=AAD;ClientId=${identityClientId}' }
  { name: 'DATABASE_URL', value: 'postgres://${identityName}@${databaseHost}:5432/${databaseName}?sslmode=verify-full&Maximum%20Pool%20Size=${poolSize}' }
  { name: 'REDIS_URL', value: 'rediss://${redisHost}:10000' }
  { name: 'AZURE_OPENAI_ENDPOINT', value: openaiEndpoint }
  { name: 'EMBEDDING_MODEL', value: embeddingModel }
  { name: 'EMBEDDING_REQUESTS_PER_MINUTE', value: string(requestsPerMinute) }
  { name: 'EMBEDDING_TOKENS_PER_MINUTE', value: string(tokensPerMinute) }
  { name: 'EMBEDDINGS_SCHEDULE', value: '0 */15 * * * *' }
]

var schedulerConnection = 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'

var schedulerSettings = [
  { name: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING', value: schedulerConnection }
  { name: 'AzureFunctionsJobHost__extensions__durableTask__storageProvider__type', value: 'azureManaged' }
  { name: 'AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName', value: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING' }
  { name: 'AzureFunctionsJobHost__extensions__durableTask__hubName', value: taskHub }
]

// Those that are empty are left out.
var optionalSettings = [
  { name: 'EMBEDDING_MAX_DOLLARS_PER_DAY', value: maxDollarsPerDay }
  { name: 'EMBEDDING_MAX_DOLLARS_PER_MONTH', value: maxDollarsPerMonth }
  { name: 'EMBEDDINGS_SEARCH_KEYS_FILE', value: searchKeysFile }
  { name: 'EMBEDDINGS_SHOW_TEXTS', value: showTexts ? 'true' : '' }
  { name: 'EMBEDDINGS_ALERT_FORM', value: alertForm }
  { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: otlpEndpoint }
  { name: 'AzureFunctionsJobHost__telemetryMode', value: empty(otlpEndpoint) ? '' : 'OpenTelemetry' }
  { name: 'EMBEDDINGS_READ_KEY', value: hasReadKey ? '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/EMBEDDINGS-READ-KEY)' : '' }
  { name: 'EMBEDDINGS_ALERT_URL', value: hasAlertUrl ? '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/EMBEDDINGS-ALERT-URL)' : '' }
  { name: 'EMBEDDINGS_ALERT_SECRET', value: hasAlertSecret ? '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/EMBEDDINGS-ALERT-SECRET)' : '' }
  { name: 'OTEL_EXPORTER_OTLP_HEADERS', value: hasOtlpHeaders ? '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/OTEL-EXPORTER-OTLP-HEADERS)' : '' }
]

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-${token}'
  location: location
  // By this tag azd finds where to deploy the service of azure.yaml.
  tags: union(tags, { 'azd-service-name': 'functions' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {}, '${deployerId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainer
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: deployerId
          }
        }
      }
      runtime: { name: 'dotnet-isolated', version: '10.0' }
      scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: maximumInstances }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: concat(
        settings,
        empty(schedulerEndpoint) ? [] : schedulerSettings,
        filter(optionalSettings, setting => !empty(setting.value))
      )
    }
  }
}

// No publishing with a user name and a password: azd shows a token.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
